"""An upgraded connection (websocket): bytes in both directions until both sides have finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.cycle import RequestCycle
    from faas_runtime.gateway.proxy.upstream import UpstreamConnection


class Tunnel:
    """What a cycle becomes once its function has accepted an upgrade. Each half may end by itself."""

    __slots__ = ("_cycle", "_half_over", "_upstream")

    def __init__(self, cycle: RequestCycle, upstream: UpstreamConnection) -> None:
        self._cycle = cycle
        self._upstream = upstream
        self._half_over = False
        early = cycle.connection.take_queued()
        if early:
            upstream.transport.write(early)
        self.moved()

    def moved(self) -> None:
        """Something has moved: its time of silence starts anew."""
        self._cycle.context.timeouts.tunnel.arm(self)

    def send(self, data: bytes) -> None:
        """Pass on bytes of the client."""
        self.moved()
        self._upstream.transport.write(data)

    def client_finished(self) -> None:
        """The client will send no more; the function may."""
        if self._half_over or not self._upstream.transport.can_write_eof():
            self._cycle.tunnel_over()
            return
        self._half_over = True
        self._upstream.transport.write_eof()

    def upstream_finished(self) -> None:
        """The function will send no more; the client may."""
        self._cycle.flush()
        if self._half_over or not self._cycle.connection.write_eof():
            self._cycle.tunnel_over()
            return
        self._half_over = True

    def expired(self) -> None:
        """Nothing has moved in either direction for `tunnel_idle_timeout`."""
        self._cycle.tunnel_over()

    def close(self) -> None:
        """The cycle is over."""
        self._cycle.context.timeouts.tunnel.disarm(self)
