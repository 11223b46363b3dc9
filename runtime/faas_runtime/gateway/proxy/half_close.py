"""Telling a client that has only finished sending from one that has gone.

At the end of a client's stream both look the same. A client that has closed its socket
answers any further byte with a reset, one that waits for its response does not. So an
interim `100 Continue` is sent, which every HTTP/1.1 client must tolerate, and the
socket's state is looked at afterwards. Unix sockets tell without being asked.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct

from faas_runtime.gateway.proxy.answers import CONTINUE

_FIRST_LOOK = 0.02
_SLOWEST_LOOK = 1.0
_SILENCE = 2.0
_TCP_CLOSED = 7
_LAST_DATA_SENT = 44  # Offset of tcpi_last_data_sent (milliseconds) in struct tcp_info.


class HalfClosed:
    """Looks now and then whether a client that sends no more is still there; aborts if not.

    `may_probe` says that no response has begun and the client speaks HTTP/1.1. A response
    under way probes by itself; where it is silent, the client is believed to be gone.
    """

    __slots__ = ("_loop", "_pause", "_probed", "_timer", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, may_probe: bool) -> None:
        self._loop = loop
        self._transport = transport
        self._pause = _FIRST_LOOK
        if may_probe:
            transport.write(CONTINUE)
        self._timer = loop.call_later(self._pause, self._look)
        self._probed = may_probe

    def stop(self) -> None:
        """The connection is closed."""
        self._timer.cancel()

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        if has_gone(self._transport, None if self._probed else _SILENCE):
            self._transport.abort()
            return
        self._pause = min(self._pause * 3, _SLOWEST_LOOK)
        self._timer = self._loop.call_later(self._pause, self._look)


def has_gone(transport: asyncio.Transport, silence: float | None) -> bool:
    """Whether the other side of a half-closed connection has closed it altogether.

    With `silence`, also when nothing has been sent to it for so many seconds.
    """
    sock = transport.get_extra_info("socket")
    if sock is None:
        return True
    if sock.family == socket.AF_UNIX:
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))
    if not hasattr(socket, "TCP_INFO"):
        return True
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT + 4)
    if info[0] == _TCP_CLOSED:
        return True
    (quiet,) = struct.unpack_from("I", info, _LAST_DATA_SENT)
    return silence is not None and quiet > silence * 1000
