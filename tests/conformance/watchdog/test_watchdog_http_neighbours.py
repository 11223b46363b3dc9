"""Mode http: no connection hinders another, and every setting holds on connections that carry many calls."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from tests.conformance.watchdog.watchdog_driver import eventually, seen

PLAIN = "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n"


def post(text, *headers):
    lines = ["POST /echo HTTP/1.1", "Host: h", f"Content-Length: {len(text)}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + text


@pytest.mark.parametrize(
    "beginning",
    [
        "",
        "GET /plain HT",
        "GET /plain HTTP/1.1\r\nHost: h\r\n",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\nhel",
        "GET /silence HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /bytes?50000000 HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
)
def test_connections_that_stand_still_hinder_nobody(shared_function, beginning):
    """A hundred that stop in the middle of something, or ask and do not read, and one that works."""
    with ExitStack() as stack:
        for _ in range(100 if "bytes" not in beginning else 8):
            stack.enter_context(shared_function.converse()).send(beginning)
        talk = stack.enter_context(shared_function.converse())
        for number in range(20):
            assert seen(talk.ask(post(str(number))))["body"] == str(number)


def test_answer_that_is_read_late_is_whole(shared_function):
    size = 20_000_000
    with shared_function.converse() as slow, shared_function.converse() as talk:
        slow.send(f"GET /bytes?{size} HTTP/1.1\r\nHost: h\r\n\r\n" + PLAIN)
        for _ in range(5):
            assert seen(talk.ask(PLAIN))["method"] == "GET"
        assert len(slow.answer().body) == size
        assert seen(slow.answer())["target"] == "/plain"


@pytest.mark.parametrize("edge", [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536])
def test_sizes_around_those_of_buffers(shared_function, edge):
    """Heads, bodies and both together that just fit into a buffer, or just do not."""
    with shared_function.converse() as talk:
        for size in (edge - 1, edge, edge + 1):
            body = "b" * size
            assert seen(talk.ask(post(body)))["body"] == body
            whole = "w" * (size - len(post("")) - len(str(size)) + 1)
            assert seen(talk.ask(post(whole)))["body"] == whole
            filler = "f" * (size - len(PLAIN) - len("X-Fill: \r\n"))
            head = dict(seen(talk.ask(PLAIN.replace("\r\n\r\n", f"\r\nX-Fill: {filler}\r\n\r\n")))["headers"])
            assert head["X-Fill"] == filler
            assert len(talk.ask(f"GET /bytes?{size} HTTP/1.1\r\nHost: h\r\n\r\n").body) == size


@pytest.mark.parametrize(
    "closing", [PLAIN.replace("h\r\n\r\n", "h\r\nConnection: close\r\n\r\n"), post("x", "Connection: Close")]
)
def test_nothing_is_answered_after_the_last_request(shared_function, closing):
    with shared_function.converse() as talk:
        talk.send(closing + "GET /never HTTP/1.1\r\nHost: h\r\n\r\n")
        assert talk.answer().headers["Connection"] == "close"
        assert talk.rest() == b""
    assert "/never" not in shared_function.log


def test_every_request_of_a_connection_is_an_object_in_the_log(function):
    watchdog = function(log_format="json")
    with watchdog.converse() as talk:
        talk.ask(PLAIN)
        answer = talk.ask(post("hello", "X-Call-Id: 7"))

    def lines():
        return [line for line in map(json.loads, watchdog.log.splitlines()) if "method" in line]

    eventually("both calls are logged", lambda: len(lines()) == 2)
    wanted = {"method": "POST", "target": "/echo", "status": 200, "bytes": len(answer.body), "call_id": "7"}
    assert wanted.items() <= lines()[1].items()
    assert lines()[1]["traceparent"] == dict(seen(answer)["headers"])["Traceparent"]


def test_headers_of_every_request_are_printed_when_wanted(function):
    watchdog = function(debug_headers="true")
    with watchdog.converse() as talk:
        talk.ask(PLAIN)
        talk.ask(post("hello", "X-A: 1", "X-A: 2"))

    eventually("what came is printed", lambda: "[in] X-A=[1 2]\n" in watchdog.log)
    eventually("what went is printed", lambda: watchdog.log.count("[out] X-Duration-Seconds=[") >= 2)


def test_buffering_changes_nothing_for_requests_with_a_length(function):
    with function(http_buffer_req_body="true").converse() as talk:
        for text in ("", "hello", "x" * 100_000):
            request = seen(talk.ask(post(text)))
            assert (request["body"], dict(request["headers"])["Content-Length"]) == (text, str(len(text)))
