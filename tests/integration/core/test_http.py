"""The runtime's HTTP client against servers on TCP and Unix sockets that send given bytes."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable

import pytest

from faas_runtime.core.http import Address, HttpFailure, request


def exchange(answer: bytes, use: Callable[[Address], Awaitable[object]], unix: str = "", hang_up: bool = True):
    """Serve `answer` to each connection, run `use`; returns its result and what the server received."""
    received = bytearray()

    async def serve(reader, writer):
        received.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        if not hang_up:
            received.extend(await reader.read())
        writer.close()

    async def scenario():
        server = await (asyncio.start_unix_server(serve, unix) if unix else asyncio.start_server(serve, "127.0.0.1", 0))
        async with server:
            port = 80 if unix else server.sockets[0].getsockname()[1]
            return await use(Address("127.0.0.1", port, "/base", unix=unix))

    return asyncio.run(scenario()), bytes(received)


async def get(address, **options):
    """Status, headers and body of a GET."""
    async with request(address, "GET", "/a?b=%20", [("X-Name", "value")], **options) as response:
        return response.status, response.headers, await response.body()


def test_a_request_and_its_response_over_tcp():
    """The address's path stands in front; header names keep their spelling."""
    answer = b"HTTP/1.1 200 OK\r\nX-Twice: a\r\nx-twice: b\r\nContent-Length: 2\r\n\r\nhi"
    result, received = exchange(answer, get)
    assert result == (200, [("X-Twice", "a"), ("x-twice", "b"), ("Content-Length", "2")], b"hi")
    lines = received.decode().split("\r\n")
    assert lines[0] == "GET /base/a?b=%20 HTTP/1.1"
    assert {"Connection: close", "X-Name: value"} <= set(lines)
    assert not any(line.startswith("Content-Length") for line in lines)


def test_a_request_over_a_unix_socket(tmp_path):
    """The same over the path of a socket."""
    result, _ = exchange(b"HTTP/1.1 204 No Content\r\n\r\n", get, unix=str(tmp_path / "s"))
    assert result == (204, [], b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nabcde",
        b"HTTP/1.0 200 OK\r\n\r\nabcde",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_every_framing(answer):
    """Chunks, the end of the connection, and interim responses, which are skipped."""
    (status, _, body), _ = exchange(answer, get)
    assert (status, body) == (200, b"abcde")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "closed before the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "closed before the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "closed before the end"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
    ],
)
def test_a_broken_response(answer, why):
    """A response that is cut short is never taken for a whole one."""
    with pytest.raises(HttpFailure, match=why):
        exchange(answer, get)


def test_reading_stops_at_the_limit():
    """One chunk more than the limit at most, whatever follows."""

    async def first(address):
        async with request(address, "GET", "/") as response:
            return await response.read(10)

    result, _ = exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100, first)
    assert 10 < len(result) <= 100


def test_a_redirect_is_an_answer_like_any_other():
    """Where it leads has not been checked."""
    (status, *_), _ = exchange(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n", get)
    assert status == 302


def test_silence_ends_at_the_read_timeout():
    """Also in the middle of a body."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
    with pytest.raises(HttpFailure, match=r"nothing arrived for 0\.1 s"):
        exchange(answer, lambda address: get(address, read_timeout=0.1), hang_up=False)


def test_a_server_may_answer_before_it_has_read_the_body():
    """A refusal of a body that is too large is seen although the body is never read."""

    async def post(address):
        async with request(address, "POST", "/", body=b"x" * 4_000_000) as response:
            return response.status

    async def scenario():
        done = asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            await done.wait()
            writer.transport.abort()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            async with asyncio.timeout(5):
                status = await post(Address("127.0.0.1", server.sockets[0].getsockname()[1]))
            done.set()
            return status

    assert asyncio.run(scenario()) == 413


@pytest.mark.parametrize(
    ("target", "headers"),
    [("/a b", []), ("/\r\nX: y", []), ("/", [("X", "a\r\nB: c")]), ("/", [("X: y", "z")]), ("/", [("X", "\u20ac")])],
)
def test_nothing_is_smuggled_into_a_request(target, headers):
    """Refused before a connection is made: port 1 would refuse it with other words."""

    async def send():
        async with request(Address("127.0.0.1", 1), "GET", target, headers):
            pass

    with pytest.raises(HttpFailure, match=r"space or a control|cannot be sent"):
        asyncio.run(send())


def test_the_host_header_is_checked_like_any_other():
    """It may come from a callback's URL."""
    with pytest.raises(HttpFailure, match="'Host' cannot be sent"):
        asyncio.run(get(Address("127.0.0.1", 1, host_header="a\r\nX: y")))


def test_a_refused_connection_is_named():
    """In the system's words."""
    with pytest.raises(HttpFailure, match="connection refused"):
        asyncio.run(get(Address("127.0.0.1", 1)))


def test_a_certificate_is_checked_against_the_name(tmp_path, tool):
    """The address that is connected to may be another than the name in the certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=x", "-addext", "subjectAltName=DNS:right.example", "-days", "1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    ours, theirs = ssl.create_default_context(cafile=str(certificate)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate, key)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async def ask(name):
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs) as server:
            port = server.sockets[0].getsockname()[1]
            address = Address("127.0.0.1", port, tls=ours, server_name=name, host_header=name)
            return (await get(address))[2]

    assert asyncio.run(ask("right.example")) == b"hi"
    with pytest.raises(HttpFailure, match="certificate is not accepted"):
        asyncio.run(ask("wrong.example"))
