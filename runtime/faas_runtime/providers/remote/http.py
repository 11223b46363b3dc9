"""A small HTTP client: one connection for each request, so nothing stale is ever used again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

CONNECT_LIMIT = 3.0
"""Seconds the other side may take to accept a connection."""
MOST_BODY_BYTES = 64 * 1024 * 1024
"""Largest answer that is read as a whole: the list of ten thousand functions has a few MiB."""
_CHUNK = 64 * 1024


class HttpFailure(Exception):
    """No answer: it refused, was silent for too long or spoke something else; the text says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an HTTP server is: `path` is what stands in front of every path, without a slash at its end."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """The address in a URL. Raises ValueError with a sentence that says what is wrong with it."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            raise ValueError(f"`{url}` has a port that is not one") from None
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"`{url}` is not an address like `http://127.0.0.1:8081/`")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(f"`{parts.hostname}`: only host, port and path belong in a provider's address")
        if not parts.path.isascii() or any(letter <= " " for letter in parts.path):
            raise ValueError(f"`{url}` has a path that cannot be asked for")
        return cls(parts.hostname, port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"http://{self.authority}{self.path}/"


class Answer:
    """A response: its status at once, its body as it comes."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.status = 0
        self._reader = reader
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._begun = self._ended = False
        self._until_close = True

    async def begin(self) -> None:
        """Read up to the end of the head. Raises HttpFailure, OSError."""
        while not self._begun:
            await self._more()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body. Raises HttpFailure, OSError when it ends too early."""
        while True:
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
            if self._ended:
                return
            await self._more()

    async def body(self) -> bytes:
        """The whole body. Raises HttpFailure, OSError."""
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) > MOST_BODY_BYTES:
                raise HttpFailure(f"the answer is larger than {MOST_BODY_BYTES} bytes")
        return bytes(found)

    async def _more(self) -> None:
        data = await self._reader.read(_CHUNK)
        if not data:
            if self._begun and self._until_close:
                self._ended = True
                return
            raise HttpFailure("the connection was closed in the middle of an answer")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as err:
            raise HttpFailure(f"what came is not HTTP: {err}") from None

    # The parser's side.

    def on_message_begin(self) -> None:
        self._until_close = True

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._until_close = False

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._begun = self.status >= 200

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._ended = self.status >= 200


@contextlib.asynccontextmanager
async def ask(
    address: Address, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> AsyncIterator[Answer]:
    """Send a request and yield its answer, head read. The caller bounds the wait. Raises HttpFailure."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        raise HttpFailure(f"no connection within {CONNECT_LIMIT:g} s") from None
    except OSError as err:
        raise HttpFailure(_reason(err)) from None
    try:
        writer.write(_head(address, method, target, headers, body) + body)
        await writer.drain()
        answer = Answer(reader)
        await answer.begin()
        yield answer
    except OSError as err:
        raise HttpFailure(_reason(err)) from None
    finally:
        writer.transport.abort()


def _head(address: Address, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"{method} {address.path}{target} HTTP/1.1", f"Host: {address.authority}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method in ("POST", "PUT"):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reason(err: OSError) -> str:
    if isinstance(err, socket.gaierror) or not err.errno:
        return (err.strerror or str(err) or type(err).__name__).lower()
    return os.strerror(err.errno).lower()
