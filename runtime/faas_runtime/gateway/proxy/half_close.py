"""Distinguishes a client that has only finished sending from one that has gone.

Both look the same at the end of the client's stream. A client that has closed its socket answers any
further byte with a reset, one that waits for its response does not. So the proxy sends an interim
`100 Continue`, which every HTTP/1.1 client must accept, and checks the socket's state afterwards.
Unix sockets report it without a probe.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_MIN_CHECK_INTERVAL = 0.02
_MAX_CHECK_INTERVAL = 1.0
_MAX_SILENCE = 2.0
_TCP_CLOSED = 7
_LAST_DATA_SENT = 44  # Offset of tcpi_last_data_sent (milliseconds) in struct tcp_info.


class HalfClosed:
    """Checks repeatedly whether a client that sends no more is still connected; aborts if not.

    `may_probe` says that no response has begun and the client speaks HTTP/1.1. A response under way
    is a probe itself; while it is silent, the client counts as gone.
    """

    __slots__ = ("_interval", "_loop", "_probed", "_timer", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, may_probe: bool) -> None:
        self._loop = loop
        self._transport = transport
        self._interval = _MIN_CHECK_INTERVAL
        if may_probe:
            transport.write(_CONTINUE)
        self._timer = loop.call_later(self._interval, self._check)
        self._probed = may_probe

    def stop(self) -> None:
        """Stop checking: the connection has closed."""
        self._timer.cancel()

    def _check(self) -> None:
        if self._transport.is_closing():
            return
        if has_gone(self._transport, None if self._probed else _MAX_SILENCE):
            self._transport.abort()
            return
        self._interval = min(self._interval * 3, _MAX_CHECK_INTERVAL)
        self._timer = self._loop.call_later(self._interval, self._check)


def has_gone(transport: asyncio.Transport, silence: float | None) -> bool:
    """Whether the other side of a half-closed connection has closed it completely.

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
