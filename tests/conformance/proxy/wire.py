"""HTTP/1.1 over a plain socket, for both sides of the proxy, byte for byte."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass, field

PATIENCE = 10.0


class Closed(Exception):
    """The other side closed the connection; `data` had arrived before."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(f"closed after {data[-200:]!r}")
        self.data = data


@dataclass
class Message:
    """A request or a response: its first line, its header lines as sent, its body."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The status of a response."""
        return int(self.start.split(" ")[1])

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The only value of a header, None without it."""
        found = self.all(name)
        assert len(found) < 2, f"{name} is there twice: {found}"
        return found[0] if found else None


class Wire:
    """One end of a connection. No wait exceeds `PATIENCE`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(PATIENCE)
        self.buffer = b""

    # Sending.

    def send(self, data: bytes) -> None:
        """Send all the bytes."""
        self.sock.sendall(data)

    def finish(self) -> None:
        """Send no more (half-close)."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in the usual way."""
        self.sock.close()

    def reset(self) -> None:
        """Close with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # Reading.

    def more(self) -> bytes:
        """Wait for more bytes; empty at the end of the stream. Raises Closed on a reset."""
        try:
            data = self.sock.recv(256 * 1024)
        except ConnectionResetError:
            raise Closed(self.buffer) from None
        self.buffer += data
        return data

    def take(self, size: int) -> bytes:
        """Exactly so many bytes. Raises Closed."""
        while len(self.buffer) < size:
            if not self.more():
                raise Closed(self.buffer)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def until(self, mark: bytes) -> bytes:
        """Everything up to and with the mark. Raises Closed."""
        while mark not in self.buffer:
            if not self.more():
                raise Closed(self.buffer)
        data, _, self.buffer = self.buffer.partition(mark)
        return data + mark

    def rest(self) -> bytes:
        """Everything up to the end of the stream; a reset is an error."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ended(self) -> bool:
        """Whether the other side closes (or resets) next, without another byte."""
        try:
            return not self.buffer and not self.more()
        except Closed as closed:
            return not closed.data

    def quiet(self, seconds: float) -> bool:
        """Whether no byte arrives for so many seconds."""
        if self.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            self.more()
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE)
        return False

    # Messages.

    def head(self) -> Message:
        """A head, without the body."""
        start, *lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        return Message(start, [_split(line) for line in lines])

    def request(self) -> Message:
        """A complete request."""
        message = self.head()
        self._body(message, has_body=False)
        return message

    def response(self, method: str = "GET") -> Message:
        """A complete final response; read interim ones with `head`."""
        message = self.head()
        if method != "HEAD" and message.status not in (204, 304):
            self._body(message, has_body=True)
        return message

    def _body(self, message: Message, has_body: bool) -> None:
        if message.get("Transfer-Encoding") == "chunked":
            self._chunks(message)
        elif (length := message.get("Content-Length")) is not None:
            message.body = self.take(int(length))
        elif has_body:
            message.body = self.rest()

    def _chunks(self, message: Message) -> None:
        pieces = []
        while size := int(self.until(b"\r\n"), 16):
            pieces.append(self.take(size))
            assert self.take(2) == b"\r\n"
        message.body = b"".join(pieces)
        while (line := self.until(b"\r\n")) != b"\r\n":
            message.trailers.append(_split(line[:-2].decode("latin-1")))


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


def quietly_close(sock: socket.socket) -> None:
    """Wake every thread that waits on the socket, and close it."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
