"""An HTTP call whose answer is read while its body is still being sent.

A function may answer as it reads (`cat` does). A client that sends everything before it
reads would then fill every buffer on the way and wait for ever; HTTP libraries for Python
send first and read afterwards, so this one call is made on `http.client` with a thread.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from urllib3 import HTTPHeaderDict


class Timeouts(NamedTuple):
    """Seconds to wait for the connection and for the next bytes; None is no limit."""

    connect: float
    read: float | None


class DuplexResponse:
    """Status and body of an answer; the body is read as it comes."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = HTTPHeaderDict(response.headers.items())

    def read(self, limit: int) -> bytes:
        """At most this many bytes of the body."""
        return self._response.read(limit)

    def stream(self, size: int) -> Iterator[bytes]:
        """The body in pieces of at most `size` bytes. Raises OSError or HTTPException when it breaks off."""
        with self._response:
            while piece := self._response.read1(size):
                yield piece
            if not self._response.isclosed() and self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)
        self._connection.close()


def call(
    host: str,
    port: int,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: Iterable[bytes],
    timeouts: Timeouts,
) -> DuplexResponse:
    """Send a request with a chunked body and return as soon as the answer's head is here.

    Raises OSError when there is nobody to talk to, HTTPException when what comes back is not HTTP.
    """
    connection = http.client.HTTPConnection(host, port, timeout=timeouts.connect)
    connection.connect()
    connection.sock.settimeout(timeouts.read)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    threading.Thread(target=_send, args=(connection, body), daemon=True).start()
    return DuplexResponse(connection, connection.getresponse())


def _send(connection: http.client.HTTPConnection, body: Iterable[bytes]) -> None:
    try:
        for piece in body:
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")
    except OSError:
        # The other side has heard enough; what it says is in its answer, which the main thread reads.
        return
