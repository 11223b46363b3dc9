"""HTTP/1.1 as the watchdog speaks it: requests read from one kept connection, answers written to it."""

import io
import socket
import sys
from collections.abc import Mapping

MAX_HEAD_BYTES = 1 << 20
PIECE_BYTES = 64 * 1024
# The connection is the server's business, not the handler's.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"})
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class BadRequest(Exception):
    """What came is not HTTP, or ended before its end."""


class Headers(Mapping):
    """The fields of a request; a name is found in any spelling. Several values of one name are joined by commas."""

    def __init__(self, fields):
        self.fields = fields

    def getlist(self, name):
        """Every value of a name, in the order they came."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    get_all = getlist

    def __getitem__(self, name):
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return ("; " if name.lower() == "cookie" else ", ").join(values)

    def __iter__(self):
        return iter({name.lower(): name for name, _ in reversed(self.fields)}.values())

    def __len__(self):
        return len({name.lower() for name, _ in self.fields})

    def __repr__(self):
        return f"Headers({self.fields!r})"


class Body(io.RawIOBase):
    """A request's body, read as it comes: `length` bytes, or chunks when that is None."""

    def __init__(self, stream, length, before):
        self._stream, self._left, self._chunked, self._before = stream, length or 0, length is None, before
        self.finished = not self._chunked and not self._left

    def readable(self):
        return True

    def readinto(self, buffer):
        if self._before:
            self._before()
            self._before = None
        if self.finished:
            return 0
        if not self._left:
            self._next_chunk()
            if self.finished:
                return 0
        count = self._stream.readinto1(memoryview(buffer)[: self._left])
        if not count:
            raise BadRequest("the request's body was cut off")
        self._left -= count
        if not self._left and self._chunked:
            self._stream.readline(16)
        self.finished = not self._left and not self._chunked
        return count

    def _next_chunk(self):
        try:
            self._left = int(self._stream.readline(1024).split(b";")[0], 16)
        except ValueError:
            raise BadRequest("a chunk of the request's body has no length") from None
        if not self._left:
            while self._stream.readline(MAX_HEAD_BYTES).strip():
                pass
            self.finished = True

    def drain(self):
        """Read what nobody wanted, so that the next request begins where it is expected."""
        while not self.finished:
            self.read(PIECE_BYTES)


class Request:
    """One request of a connection, and its answer: `start`, `write` as often as needed, `finish`."""

    def __init__(self, connection, reader):
        self.connection = connection
        line = self._head_line(reader)
        try:
            self.method, self.target, version = line.split(" ")
        except ValueError:
            raise BadRequest(f"not a request: {line!r}") from None
        self.path, _, self.query_string = self.target.partition("?")
        fields = []
        while line := self._head_line(reader):
            name, colon, value = line.partition(":")
            if not colon:
                raise BadRequest(f"not a header: {line!r}")
            fields.append((name, value.strip()))
        self.headers = Headers(fields)
        self.version = version
        self.keep = version != "HTTP/1.0" and "close" not in self.headers.get("Connection", "").lower()
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        expects = self.headers.get("Expect", "").lower() == "100-continue"
        length = None if chunked else int(self.headers.get("Content-Length") or 0)
        self.body = Body(reader, length, self._continue if expects else None)
        self.started, self._chunked, self._left = False, False, None

    @staticmethod
    def _head_line(reader):
        line = reader.readline(MAX_HEAD_BYTES)
        if not line.endswith(b"\n"):
            raise EOFError if not line else BadRequest("the request's head was cut off")
        return line.rstrip(b"\r\n").decode("latin-1")

    def _continue(self):
        if not self.started:
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def start(self, status, fields, content=b"", *, length=None):
        """Write status, headers and the first part of the body; `length` is the whole body's, None if not known.

        Raises ValueError, and writes nothing, for a status, name or value that would break the answer in two.
        """
        head = [f"HTTP/1.1 {_status(status)}"]
        for name, value in fields:
            if not name or not _TOKEN.issuperset(name):
                raise ValueError(f"{name!r} cannot be the name of a header")
            if any(each in value for each in "\r\n\0"):
                raise ValueError(f"the header {name} has a line feed in its value: {value!r}")
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() not in HOP_BY_HOP:
                head.append(f"{name}: {value}")
        bodiless = status < 200 or status in (204, 304)
        self._chunked = not bodiless and length is None and self.version != "HTTP/1.0"
        if self._chunked:
            head.append("Transfer-Encoding: chunked")
        elif length is not None and not bodiless:
            head.append(f"Content-Length: {length}")
        self._left = length
        self._silent = bodiless or self.method == "HEAD"
        self.keep = self.keep and (bodiless or self._chunked or length is not None)
        if not self.keep:
            head.append("Connection: close")
        text = "\r\n".join([*head, "\r\n"])
        try:
            raw = text.encode("latin-1")
        except UnicodeEncodeError as err:
            raise ValueError(f"a header has characters that HTTP cannot carry: {text[err.start : err.end]!r}") from None
        self.started = True
        self.connection.sendall(raw + self._frame(content))

    def write(self, content):
        """Write a part of the body."""
        if framed := self._frame(content):
            self.connection.sendall(framed)

    def finish(self):
        """End the body. What was announced and not written can only be told by closing the connection."""
        if self._chunked and not self._silent:
            self.connection.sendall(b"0\r\n\r\n")
        if self._left and not self._silent:
            self.keep = False

    def _frame(self, content):
        if self._silent or not content:
            return b""
        if self._left is not None:
            content = bytes(content[: self._left])  # more than was announced would be taken for the next answer
            self._left -= len(content)
        return b"%x\r\n%b\r\n" % (len(content), content) if self._chunked else content


def _status(status):
    from http import HTTPStatus

    if not 100 <= status <= 999:
        raise ValueError(f"{status} is not a status of HTTP")
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} "


def serve_connection(connection, answer):
    """Answer every request of a connection, until either side closes it."""
    with connection, connection.makefile("rb") as reader:
        try:
            keep = True
            while keep:
                request = Request(connection, reader)
                answer(request)
                request.body.drain()
                keep = request.keep
            # The caller learns of the end at once; closing waits for whoever still reads.
            connection.shutdown(socket.SHUT_WR)
        except (EOFError, OSError):
            pass
        except (BadRequest, ValueError) as err:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            sys.stderr.write(f"refused a request: {err}\n")
