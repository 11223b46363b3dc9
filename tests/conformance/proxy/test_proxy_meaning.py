"""The function gets exactly the client's message, however it is framed, and the client the function's."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.proxy.proxy_driver import RunningProxy
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import Message, Wire

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+.^`|~", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30).map(
    lambda text: text.strip(" \t")
)
HEADERS = st.lists(st.tuples(TOKEN.map(lambda name: f"t-{name}"), VALUE), max_size=6)
PATH = st.lists(st.text("abcXYZ019-_~!$&'()*+,;=:@", min_size=1, max_size=8), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
QUERY = st.text("abc=&?/%.+;:@\"<>\\^`{|}[]'", max_size=20)
BODY = st.one_of(st.none(), st.binary(max_size=300))
CUTS = st.lists(st.integers(0, 900), max_size=5).map(sorted)
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Meaning:
    """A message, independent of its framing."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes


def write(start: str, headers: list[tuple[str, str]], body: bytes | None, chunk: int) -> bytes:
    """The bytes of a message: with a length, or in chunks of one size."""
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    if body is None:
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
    if not chunk:
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "\r\n"]).encode("latin-1") + body
    pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    framed = b"".join(b"%X;x=y\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return "\r\n".join([*lines, "transfer-encoding: Chunked", "\r\n"]).encode("latin-1") + framed + b"0\r\n\r\n"


def send(wire: Wire, data: bytes, cuts: list[int]) -> None:
    """Send the data in parts."""
    edges = [0, *(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in itertools.pairwise(edges):
        wire.send(data[start:end])


def told(message: Message) -> list[tuple[str, str]]:
    """The headers that the test added."""
    return [(name, value) for name, value in message.headers if name.startswith("t-")]


@pytest.fixture
def client(proxy: RunningProxy) -> Wire:
    """One connection for all examples, so that a surplus byte of one would appear in the next."""
    return proxy.connect()


@RELAXED
@given(TOKEN.map(str.upper), PATH, QUERY, HEADERS, BODY, st.integers(0, 50), CUTS)
def test_function_gets_the_clients_message(
    client: Wire,
    replica: Replica,
    method: str,
    path: str,
    query: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    chunk: int,
    cuts: list[int],
):
    if method in ("HEAD", "CONNECT", "TRACE"):
        method = "GET"
    target = f"{path}?{query}"
    data = write(f"{method} /function/echo{target} HTTP/1.1", [("Host", "h"), *headers], body, chunk)

    send(client, data, cuts)
    response = client.response()
    request = replica.saw()

    assert (response.status, response.body) == (200, body or b"")
    assert Meaning(request.start, told(request), request.body) == Meaning(
        f"{method} {target} HTTP/1.1", headers, body or b""
    )


@RELAXED
@given(st.integers(200, 599).filter(lambda status: status not in (204, 304)), HEADERS, BODY, st.integers(0, 50), CUTS)
def test_client_gets_the_functions_message(
    proxy: RunningProxy,
    client: Wire,
    replica: Replica,
    status: int,
    headers: list[tuple[str, str]],
    body: bytes | None,
    chunk: int,
    cuts: list[int],
):
    data = write(f"HTTP/1.1 {status} Any Reason", headers, body or b"", chunk)

    def script(wire: Wire) -> None:
        wire.request()
        send(wire, data, cuts)

    replica.script = script

    client.send(b"GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
    response = client.response()

    assert Meaning(response.start, told(response), response.body) == Meaning(
        f"HTTP/1.1 {status} Any Reason", headers, body or b""
    )
