"""A full-duplex HTTP call: the response is read while the request's body is still being sent.

A function may answer while it reads (`cat` does). A client that first sends everything would then
fill all buffers and block forever. Python's HTTP libraries send first and read afterwards, so this
call uses `http.client` with a thread that sends.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator, Mapping

from urllib3 import HTTPHeaderDict


class DuplexResponse:
    """A response whose body is read on demand."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = HTTPHeaderDict(response.headers.items())

    def close(self) -> None:
        """Close the connection, also before the body's end."""
        self._response.close()
        self._connection.close()

    def stream(self, size: int) -> Iterator[bytes]:
        """The body in chunks of at most `size` bytes. Raises OSError or HTTPException when it is cut off."""
        with self._response:
            while chunk := self._response.read1(size):
                yield chunk
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
    *,
    connect_timeout: float,
    read_timeout: float | None,
) -> DuplexResponse:
    """Send a request with a chunked body; returns when the response's head has arrived.

    Timeouts are in seconds, None for no limit. Raises OSError when the connection fails, HTTPException
    when the response is not HTTP.
    """
    connection = http.client.HTTPConnection(host, port, timeout=connect_timeout)
    connection.connect()
    connection.sock.settimeout(read_timeout)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    threading.Thread(target=_send, args=(connection, body), daemon=True).start()
    return DuplexResponse(connection, connection.getresponse())


def _send(connection: http.client.HTTPConnection, body: Iterable[bytes]) -> None:
    try:
        for chunk in body:
            connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        connection.send(b"0\r\n\r\n")
    except OSError:
        # The server stopped reading; the main thread reads its response.
        return
