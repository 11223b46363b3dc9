"""An upgraded connection (websocket): bytes in both directions until both sides have finished."""

from __future__ import annotations

from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
from faas_runtime.gateway.proxy.interfaces import CallSide, ClientSide
from faas_runtime.gateway.proxy.upstream import UpstreamConnection


class Tunnel:
    """What a call becomes once its function has accepted an upgrade. Each direction may end by itself."""

    __slots__ = ("_call", "_client", "_half_closed", "_silence", "_upstream")

    def __init__(
        self, call: CallSide, client: ClientSide, upstream: UpstreamConnection, silence: DeadlineQueue[CallSide]
    ) -> None:
        self._call = call
        self._client = client
        self._upstream = upstream
        self._silence = silence
        self._half_closed = False
        early = client.take_queued()
        if early:
            upstream.transport.write(early)
        self.moved()

    def moved(self) -> None:
        """Bytes have passed: restart `tunnel_idle_timeout`."""
        self._silence.arm(self._call)

    def send(self, data: bytes) -> None:
        """Pass on bytes of the client."""
        self.moved()
        self._upstream.transport.write(data)

    def client_eof(self) -> None:
        """The client will send no more; the function may."""
        if self._half_closed or not self._upstream.transport.can_write_eof():
            self._call.tunnel_ended()
            return
        self._half_closed = True
        self._upstream.transport.write_eof()

    def upstream_eof(self) -> None:
        """The function will send no more; the client may."""
        self._call.flush()
        if self._half_closed or not self._client.write_eof():
            self._call.tunnel_ended()
            return
        self._half_closed = True

    def close(self) -> None:
        """The call has ended."""
        self._silence.disarm(self._call)
