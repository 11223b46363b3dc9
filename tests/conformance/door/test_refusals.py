"""What two readers could understand in two ways is understood by nobody: refused, and never passed on."""

import pytest

from .conftest import request

HEAD = b"POST /function/fn HTTP/1.1\r\nHost: h\r\n"

CASES = {
    "length and chunked": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two lengths in one": HEAD + b"Content-Length: 4, 5\r\n\r\nabcde",
    "signed length": HEAD + b"Content-Length: +4\r\n\r\nabcd",
    "negative length": HEAD + b"Content-Length: -4\r\n\r\nabcd",
    "hexadecimal length": HEAD + b"Content-Length: 0x4\r\n\r\nabcd",
    "empty length": HEAD + b"Content-Length:\r\n\r\n",
    "length with a letter": HEAD + b"Content-Length: 4a\r\n\r\nabcd",
    "huge length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "unknown coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab before chunked": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted chunked": HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked in HTTP/1.0": b"POST /function/fn HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": HEAD + b"Content-Length : 4\r\n\r\nabcd",
    "tab before colon": HEAD + b"X\t: 4\r\n\r\n",
    "folded line": HEAD + b"X: a\r\n b\r\n\r\n",
    "first line folded": b"POST /function/fn HTTP/1.1\r\n Host: h\r\n\r\n",
    "no colon": HEAD + b"nonsense\r\n\r\n",
    "empty name": HEAD + b": x\r\n\r\n",
    "name with a space": HEAD + b"a b: x\r\n\r\n",
    "name with a NUL": HEAD + b"a\0b: x\r\n\r\n",
    "NUL in a value": HEAD + b"X: a\0b\r\n\r\n",
    "bare CR in a value": HEAD + b"X: a\rb\r\n\r\n",
    "bare LF in a value": HEAD + b"X: a\nY: b\r\n\r\n",
    "bare LF ends a line": b"POST /function/fn HTTP/1.1\nHost: h\r\n\r\n",
    "two hosts": b"GET /function/fn HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /function/fn HTTP/1.1\r\n\r\n",
    "host with a slash": b"GET /function/fn HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host with a space": b"GET /function/fn HTTP/1.1\r\nHost: a b\r\n\r\n",
    "two spaces in the first line": b"GET  /function/fn HTTP/1.1\r\nHost: h\r\n\r\n",
    "space in the target": b"GET /function/fn x HTTP/1.1\r\nHost: h\r\n\r\n",
    "control character in the target": b"GET /function/fn\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
    "no version": b"GET /function/fn\r\nHost: h\r\n\r\n",
    "lower-case version": b"GET /function/fn http/1.1\r\nHost: h\r\n\r\n",
    "HTTP/2.0": b"GET /function/fn HTTP/2.0\r\nHost: h\r\n\r\n",
    "HTTP/1.2 digits": b"GET /function/fn HTTP/1.11\r\nHost: h\r\n\r\n",
    "method with a comma": b"GE,T /function/fn HTTP/1.1\r\nHost: h\r\n\r\n",
    "authority form": b"GET fn:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", CASES)
def test_ambiguous_requests_are_refused(door, upstream, name):
    """An answer of the 400s or 500s, the connection closed, nothing sent on."""
    peer = door.connect()
    peer.send(CASES[name])
    head = peer.head()
    assert 400 <= head.status < 600
    peer.body(head)
    assert peer.closed()
    assert upstream.heads == []


CHUNKS = {
    "not a number": b"x\r\n",
    "signed": b"+2\r\nab\r\n0\r\n\r\n",
    "prefixed": b"0x2\r\nab\r\n0\r\n\r\n",
    "empty size": b"\r\nab\r\n0\r\n\r\n",
    "space before": b" 2\r\nab\r\n0\r\n\r\n",
    "huge": b"ffffffffffffffffff\r\n",
    "bare LF after the size": b"2\nab\r\n0\r\n\r\n",
    "data too long": b"2\r\nabc\r\n0\r\n\r\n",
    "data ends in LF": b"2\r\nab\n0\r\n\r\n",
    "CR in an extension": b"2;a\rb\r\nab\r\n0\r\n\r\n",
    "LF in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "endless extension": b"2;" + b"a" * 100_000,
    "bad trailer": b"0\r\nno colon\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks_break_the_call_off(door, upstream, name):
    """The function never sees a request that looks whole."""
    peer = door.connect()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[name])
    answer = peer.rest()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    assert upstream.bodies == []


ANSWERS = {
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2_000_000,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_ambiguous_answers_are_not_passed_on(door, upstream, name):
    """502, and why."""
    upstream.serve = upstream.answer(ANSWERS[name])
    head, body = door.exchange(request())
    assert head.status == 502
    assert body


def test_a_request_behind_a_refused_one_is_not_served(door, upstream):
    """Whoever wrote it may have meant it to be a body."""
    peer = door.connect()
    peer.send(CASES["two lengths"] + request(target="/function/fn/smuggled"))
    peer.rest()
    assert upstream.heads == []


def test_too_large_a_head(make_door):
    """431 at the limit, of bytes and of lines."""
    door = make_door(max_head_bytes=4096, max_headers=20)
    assert door.exchange(request(fields=[f"X: {'a' * 5000}"]))[0].status == 431
    assert door.exchange(request(fields=[f"X-{n}: a" for n in range(30)]))[0].status == 431


@pytest.mark.parametrize(
    "target",
    ["/function/../system/functions", "/function/fn/../../system/functions", "/function//fn", "/./function/fn"],
)
def test_dot_segments_never_change_where_a_call_goes(door, upstream, control, target):
    """Redirected to the clean path or refused, never silently resolved."""
    head, _ = door.exchange(request(target=target))
    assert head.status in (301, 307, 308, 400, 404)
    assert upstream.heads == []
    assert control.heads == []


@pytest.mark.parametrize("target", ["/function/%2e%2e/system/functions", "/function/..%2fsystem"])
def test_encoded_dots_do_not_reach_the_control_room(door, control, target):
    """They are a function's name, and there is no such function."""
    head, _ = door.exchange(request(target=target))
    assert head.status in (301, 307, 308, 400, 404)
    assert control.heads == []
