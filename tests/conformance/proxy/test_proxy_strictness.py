"""Requests that two parsers could read differently: they are refused, and no function receives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, get, ok
from tests.conformance.proxy.replica import Replica

LINE = b"POST /function/echo HTTP/1.1\r\n"
START = LINE + b"Host: h\r\n"

REFUSED: dict[str, tuple[int, bytes]] = {
    # Where a body ends.
    "length and chunked": (400, START + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunked and length": (400, START + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    "two different lengths": (400, START + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "two equal lengths": (400, START + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    "list of lengths": (400, START + b"Content-Length: 3, 3\r\n\r\nabc"),
    "signed length": (400, START + b"Content-Length: +3\r\n\r\nabc"),
    "negative length": (400, START + b"Content-Length: -3\r\n\r\nabc"),
    "hexadecimal length": (400, START + b"Content-Length: 0x3\r\n\r\nabc"),
    "length with a fraction": (400, START + b"Content-Length: 3.0\r\n\r\nabc"),
    "length with spaces inside": (400, START + b"Content-Length: 1 0\r\n\r\nabc"),
    "length with an underscore": (400, START + b"Content-Length: 1_0\r\n\r\nabc"),
    "length in other digits": (400, START + b"Content-Length: \xb2\r\n\r\nabc"),
    "empty length": (400, START + b"Content-Length:\r\n\r\n"),
    "length beyond any number": (400, START + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n"),
    "two codings": (400, START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two codings, one unknown": (400, START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
    "identity": (400, START + b"Transfer-Encoding: identity\r\n\r\nabc"),
    "unknown coding": (400, START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "coding before chunked": (501, START + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked is not last": (400, START + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "quoted coding": (400, START + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n'),
    "coding with a parameter": (400, START + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    "vertical tab before the coding": (400, START + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "empty coding": (400, START + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    "chunked in HTTP/1.0": (400, b"POST /function/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    # Lines.
    "bare LF at the end of a header": (400, START + b"A: b\nContent-Length: 3\r\n\r\nabc"),
    "bare LF everywhere": (400, b"GET /function/echo HTTP/1.1\nHost: h\n\n"),
    "bare LF after the request line": (400, b"GET /function/echo HTTP/1.1\nHost: h\r\n\r\n"),
    "head ended by a bare LF": (400, START + b"A: b\r\n\n"),
    "bare CR in a value": (400, START + b"A: b\rC: d\r\n\r\n"),
    "bare CR in the request line": (400, b"GET /function/echo\rX HTTP/1.1\r\nHost: h\r\n\r\n"),
    "two CR at the end of a line": (400, START + b"A: b\r\r\n\r\n"),
    "folded header": (400, START + b"A: b\r\n c\r\n\r\n"),
    "header folded with a tab": (400, START + b"A: b\r\n\tc\r\n\r\n"),
    "folded coding": (400, START + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    "space before the first header": (400, LINE + b" Host: h\r\n\r\n"),
    "space before the colon": (400, START + b"Content-Length : 3\r\n\r\nabc"),
    "tab before the colon": (400, START + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    "header without a colon": (400, START + b"nonsense\r\n\r\n"),
    "header without a name": (400, START + b": x\r\n\r\n"),
    "NUL in a value": (400, START + b"A: b\x00c\r\n\r\n"),
    "NUL in a name": (400, START + b"A\x00: b\r\n\r\n"),
    "control character in a value": (400, START + b"A: b\x08\r\n\r\n"),
    "delete character in a value": (400, START + b"A: b\x7f\r\n\r\n"),
    "letter beyond ASCII in a name": (400, START + b"\xc4: b\r\n\r\n"),
    "parenthesis in a name": (400, START + b"A(b): c\r\n\r\n"),
    "space in a name": (400, START + b"A B: c\r\n\r\n"),
    # The request line.
    "no version": (400, b"GET /function/echo\r\n\r\n"),
    "no target": (400, b"GET HTTP/1.1\r\nHost: h\r\n\r\n"),
    "two spaces in the request line": (400, b"GET  /function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "tab in the request line": (400, b"GET\t/function/echo\tHTTP/1.1\r\nHost: h\r\n\r\n"),
    "space at the end of the request line": (400, b"GET /function/echo HTTP/1.1 \r\nHost: h\r\n\r\n"),
    "space in the target": (400, b"GET /function/echo x HTTP/1.1\r\nHost: h\r\n\r\n"),
    "letter beyond ASCII in the target": (400, b"GET /function/echo/\xe4 HTTP/1.1\r\nHost: h\r\n\r\n"),
    "NUL in the target": (400, b"GET /function/echo/\x00 HTTP/1.1\r\nHost: h\r\n\r\n"),
    "brackets in the method": (400, b"G[E]T /function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "lower-case protocol": (400, b"GET /function/echo http/1.1\r\nHost: h\r\n\r\n"),
    "version 2": (505, b"GET /function/echo HTTP/2.0\r\nHost: h\r\n\r\n"),
    "version 1.2": (505, b"GET /function/echo HTTP/1.2\r\nHost: h\r\n\r\n"),
    "version with more digits": (505, b"GET /function/echo HTTP/1.10\r\nHost: h\r\n\r\n"),
    "version 0.9": (505, b"GET /function/echo HTTP/0.9\r\nHost: h\r\n\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS on the plain port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    # Targets.
    "no slash": (400, b"GET function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "asterisk": (400, b"GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    "fragment": (400, b"GET /function/echo#x HTTP/1.1\r\nHost: h\r\n\r\n"),
    "other scheme": (400, b"GET ftp://h/function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "absolute target without authority": (400, b"GET http:///function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "absolute target of another host": (400, b"GET http://other/function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "user in an absolute target": (400, b"GET http://u@h/function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "CONNECT": (405, b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"),
    "TRACE": (405, b"TRACE /function/echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "backslash": (400, b"GET /function\\echo HTTP/1.1\r\nHost: h\r\n\r\n"),
    "escape without digits": (400, b"GET /function/echo/%zz HTTP/1.1\r\nHost: h\r\n\r\n"),
    "escape cut short": (400, b"GET /function/echo/%2 HTTP/1.1\r\nHost: h\r\n\r\n"),
    "escaped NUL": (400, b"GET /function/echo/%00 HTTP/1.1\r\nHost: h\r\n\r\n"),
    "dot segment behind an encoded slash": (400, b"GET /function/echo/..%2f..%2fsystem HTTP/1.1\r\nHost: h\r\n\r\n"),
    "dot segment behind an encoded backslash": (400, b"GET /function/echo/..%5csystem HTTP/1.1\r\nHost: h\r\n\r\n"),
    # Host.
    "no Host": (400, LINE + b"\r\n"),
    "two Hosts": (400, START + b"Host: h\r\n\r\n"),
    "two different Hosts": (400, START + b"Host: other\r\n\r\n"),
    "Host with a path": (400, LINE + b"Host: h/x\r\n\r\n"),
    "Host with a user": (400, LINE + b"Host: u@h\r\n\r\n"),
    "Host with a space": (400, LINE + b"Host: a b\r\n\r\n"),
    "Host with a bad port": (400, LINE + b"Host: h:http\r\n\r\n"),
    # Expectations.
    "unknown expectation": (417, START + b"Expect: a-miracle\r\n\r\n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_request_is_refused(proxy: RunningProxy, replica: Replica, case: str):
    """The response gives the reason, the connection closes, and a request smuggled after it is not served."""
    status, request = REFUSED[case]
    client = proxy.connect()

    client.send(request + get("/function/echo/smuggled"))
    response = client.response()

    assert (response.status, response.get("Connection")) == (status, "close")
    assert response.body.endswith(b"\n")
    assert client.ended()
    assert replica.saw_nothing()


ACCEPTED: dict[str, bytes] = {
    "an empty line first": b"\r\nGET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n",
    "an empty Host": b"GET /function/echo HTTP/1.1\r\nHost:\r\n\r\n",
    "an address as Host": b"GET /function/echo HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "an absolute target": b"GET http://h/function/echo HTTP/1.1\r\nHost: h\r\n\r\n",
    "an absolute target in capitals": b"GET HTTP://H/function/echo HTTP/1.1\r\nHost: h\r\n\r\n",
    "no Host in HTTP/1.0": b"GET /function/echo HTTP/1.0\r\n\r\n",
    "a method nobody knows": b"PURGE /function/echo HTTP/1.1\r\nHost: h\r\n\r\n",
    "a body with GET": b"GET /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok",
    "coding in capitals": START + b"Transfer-Encoding:  CHUNKED \r\n\r\n0\r\n\r\n",
    "leading zeros in the length": START + b"Content-Length: 002\r\n\r\nok",
    "an empty value": START + b"A:\r\n\r\n",
    "bytes beyond ASCII in a value": START + b"A: \xff\xfe\r\n\r\n",
    "a tab in a value": START + b"A: b\tc\r\n\r\n",
    "every character of a name": START + b"!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n",
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_unusual_request_is_served(proxy: RunningProxy, replica: Replica, case: str):
    assert proxy.ask(ACCEPTED[case]).status == 200
    assert replica.saw().start.endswith(" / HTTP/1.1")


@pytest.mark.parametrize("case", REFUSED)
def test_refusal_does_not_depend_on_how_the_bytes_arrive(proxy: RunningProxy, replica: Replica, case: str):
    status, request = REFUSED[case]
    client = proxy.connect()

    for at in range(len(request)):
        try:
            client.send(request[at : at + 1])
        except OSError:
            break  # It has been refused before its end.

    assert client.response().status == status
    assert replica.saw_nothing()


def test_request_that_arrives_byte_by_byte(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    for byte in START + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n":
        client.send(bytes((byte,)))

    assert client.response().body == b"abc"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/function/echo//a", "/function/echo/a"),
        ("/function/./echo", "/function/echo"),
        ("/function/other/../echo/", "/function/echo/"),
        ("/function/echo/../../system/functions", "/system/functions"),
        ("/function/echo/%2e%2E/secret", "/function/secret"),
        ("/../../etc", "/etc"),
        ("//evil.test/x", "/evil.test/x"),
        ("/function/echo/..", "/function/"),
    ],
)
def test_path_with_empty_or_dot_segments_is_redirected(proxy: RunningProxy, replica: Replica, path: str, location: str):
    """Never rewritten silently, so that no spelling of a path bypasses a check."""
    client = proxy.connect()

    client.send(get(path + "?q=//.."))
    response = client.response()
    client.send(get(path).replace(b"GET", b"POST"))

    assert (response.status, response.get("Location")) == (301, location + "?q=//..")
    assert client.response().status == 308
    assert replica.saw_nothing()


@pytest.mark.parametrize("path", ["/a%2Fb", "/a%2fb%3Fc", "/%25", "/a..b", "/.well-known/x", "/...", "/a%20b", "/;p=1"])
def test_path_is_passed_on_unchanged(proxy: RunningProxy, replica: Replica, path: str):
    proxy.ask(get("/function/echo" + path))

    assert replica.saw().start == f"GET {path} HTTP/1.1"


LIMITS: dict[str, tuple[dict[str, Any], bytes]] = {
    "long head": ({"max_head_bytes": 500}, get("/function/echo", "A: " + "x" * 500)),
    "long target": ({"max_head_bytes": 500}, get("/function/echo/" + "x" * 500)),
    "endless head": ({"max_head_bytes": 500}, b"GET /function/echo HTTP/1.1\r\nA: " + b"x" * 600),
    "many headers": ({"max_headers": 10}, get("/function/echo", *["A: b"] * 11)),
}


@pytest.mark.parametrize("case", LIMITS)
def test_too_large_a_head_is_refused(open_proxy: Callable[..., RunningProxy], replica: Replica, case: str):
    settings, request = LIMITS[case]
    client = open_proxy(**settings).connect()

    client.send(request)

    assert client.response().status == 431
    assert client.ended()
    assert replica.saw_nothing()


def test_head_at_the_limit_is_served(open_proxy: Callable[..., RunningProxy], replica: Replica):
    replica.always(ok(b""))
    request = get("/function/echo", "A: " + "x" * 500)

    assert open_proxy(max_head_bytes=len(request)).ask(request).status == 200
