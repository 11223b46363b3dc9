"""The runtime's HTTP client: asyncio, over TCP, TLS or a Unix socket, one connection for each request.

The queue, callbacks, readiness probes and the provider of another machine all use it. It follows no
redirects and reads no proxy settings of the environment, so a request reaches the address that was
checked and no other. A connection is never used again: a POST cannot be lost on one that the other side
is just closing. It is our own because what is needed is little and the libraries are slow at it: with 32
clients on a Unix socket `benchmarks/http_client.py` measured 2.0 times the requests of aiohttp and 9 times
those of httpcore, neither with a pool of connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

CONNECT_TIMEOUT = 3.0
"""Seconds the other side may take to accept a connection, unless the caller says otherwise."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""Largest response body that is read as a whole: the list of ten thousand functions has a few MiB."""
_CHUNK_BYTES = 64 * 1024
_UNSAFE_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_UNSAFE_VALUE = re.compile(r"[\r\n\0]")
_UNSAFE_TARGET = re.compile(r"[\x00-\x20\x7f]")

Headers = Iterable[tuple[str, str]]


class HttpFailure(Exception):
    """There is no response: the server refused, was silent for too long or does not speak HTTP; the text says which."""


@dataclass(frozen=True, slots=True)
class Address:
    """An HTTP server. `path` is put in front of every target and has no slash at its end."""

    host: str
    port: int
    path: str = ""
    unix: str = field(default="", kw_only=True)
    """Path of a Unix socket, which is connected to instead of host and port."""
    tls: ssl.SSLContext | None = field(default=None, kw_only=True)
    server_name: str = field(default="", kw_only=True)
    """The name in the certificate, where `host` is an address it was resolved to."""
    host_header: str = field(default="", kw_only=True)
    """The `Host` header, where it is not host and port."""

    @classmethod
    def of(cls, url: str) -> Address:
        """The server of an http URL. Raises ValueError with a sentence that says what is wrong with it."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            raise ValueError(f"`{url}` has an invalid port") from None
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"`{url}` is not an address like `http://127.0.0.1:8081/`")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(f"`{parts.hostname}`: the address may only have a host, a port and a path")
        if not parts.path.isascii() or _UNSAFE_TARGET.search(parts.path):
            raise ValueError(f"`{url}` has an invalid path")
        return cls(parts.hostname, port, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        if self.host_header:
            return self.host_header
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.path}/"


class HttpResponse:
    """A response whose head has been read; the body is read on demand."""

    def __init__(self, reader: asyncio.StreamReader, read_timeout: float | None) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        """Names as they were sent."""
        self._reader = reader
        self._read_timeout = read_timeout
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._begun = self._ended = False
        self._until_close = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises HttpFailure when it ends too early."""
        while True:
            chunks, self._chunks = self._chunks, []
            for chunk in chunks:
                yield chunk
            if self._ended:
                return
            await self._receive()

    async def read(self, limit: int) -> bytes:
        """The body, or its first bytes: reading stops once there are more than `limit`. Raises HttpFailure."""
        found = bytearray()
        async for chunk in self.chunks():
            found += chunk
            if len(found) > limit:
                break
        return bytes(found)

    async def body(self) -> bytes:
        """The whole body. Raises HttpFailure, also when it is larger than `MAX_BODY_BYTES`."""
        found = await self.read(MAX_BODY_BYTES)
        if len(found) > MAX_BODY_BYTES:
            raise HttpFailure(f"the response is larger than {MAX_BODY_BYTES} bytes")
        return found

    async def _read_head(self) -> None:
        while not self._begun:
            await self._receive()

    async def _receive(self) -> None:
        try:
            if self._read_timeout is None:
                data = await self._reader.read(_CHUNK_BYTES)
            else:
                async with asyncio.timeout(self._read_timeout):
                    data = await self._reader.read(_CHUNK_BYTES)
        except TimeoutError:
            raise HttpFailure(f"nothing arrived for {self._read_timeout:g} s") from None
        except OSError as err:
            raise HttpFailure(_reason(err)) from None
        if not data:
            if self._begun and self._until_close:
                self._ended = True
                return
            raise HttpFailure("the connection was closed before the end of the response")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as err:
            raise HttpFailure(f"the response is not HTTP: {err}") from None

    # Called by the parser.

    def on_message_begin(self) -> None:
        self._until_close = True
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._until_close = False

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._begun = self.status >= 200

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._ended = self.status >= 200


@contextlib.asynccontextmanager
async def request(
    address: Address,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    read_timeout: float | None = None,
) -> AsyncIterator[HttpResponse]:
    """Send a request and yield the response once its head has been read; the connection ends with the block.

    `target` is path and query, escaped. `Host`, `Connection` and `Content-Length` are set here. `read_timeout`
    is the longest silence in seconds; the caller limits the whole. Raises HttpFailure.
    """
    head = _head(address, method, target, headers, body)
    try:
        async with asyncio.timeout(connect_timeout):
            reader, writer = await _connect(address)
    except TimeoutError:
        raise HttpFailure(f"no connection within {connect_timeout:g} s") from None
    except (OSError, UnicodeError) as err:
        raise HttpFailure(_reason(err)) from None
    try:
        # Not drained: a server may answer and stop reading before it has the whole body.
        writer.write(head + body)
        response = HttpResponse(reader, read_timeout)
        await response._read_head()
        yield response
    finally:
        writer.transport.abort()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.unix:
        return await asyncio.open_unix_connection(address.unix)
    if address.tls is None:
        return await asyncio.open_connection(address.host, address.port)
    name = address.server_name or address.host
    return await asyncio.open_connection(address.host, address.port, ssl=address.tls, server_hostname=name)


def _head(address: Address, method: str, target: str, headers: Headers, body: bytes) -> bytes:
    if _UNSAFE_TARGET.search(target):
        raise HttpFailure("the path of the request has a space or a control character")
    lines = [f"{method} {address.path}{target} HTTP/1.1"]
    for name, value in (("Host", address.authority), ("Connection", "close"), *headers):
        if not name or _UNSAFE_NAME.search(name) or _UNSAFE_VALUE.search(value):
            raise HttpFailure(f"the header {name!r} cannot be sent")
        lines.append(f"{name}: {value}")
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    try:
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    except UnicodeEncodeError:
        raise HttpFailure("a header or the path has a character that cannot be sent") from None


def _reason(err: OSError | UnicodeError) -> str:
    if isinstance(err, UnicodeError):
        return "the host's name is invalid"
    if isinstance(err, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {err.verify_message}"
    if isinstance(err, ssl.SSLError | socket.gaierror) or not err.errno:
        return (err.strerror or str(err) or type(err).__name__).lower()
    return os.strerror(err.errno).lower()
