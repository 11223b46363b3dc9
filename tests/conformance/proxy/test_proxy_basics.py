"""Calls of a well-behaved client to a well-behaved function."""

from __future__ import annotations

import resource
import threading

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, chunked, get, ok, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import Wire


def test_get_reaches_the_function_under_its_own_path(proxy: RunningProxy, replica: Replica):
    replica.always(ok(b"hello", "X-Mine: yes"))

    response = proxy.ask(get("/function/echo/a/b%20c?q=1&r=%2F"))

    assert (response.status, response.body, response.get("X-Mine")) == (200, b"hello", "yes")
    assert replica.saw().start == "GET /a/b%20c?q=1&r=%2F HTTP/1.1"


@pytest.mark.parametrize("path", ["/function/echo", "/function/echo.openfaas-fn", "/function/echo/"])
def test_every_spelling_of_a_function_reaches_its_root(proxy: RunningProxy, replica: Replica, path: str):
    assert proxy.ask(get(path)).status == 200
    assert replica.saw().start == "GET / HTTP/1.1"


def test_post_body_passes_in_both_directions(proxy: RunningProxy, replica: Replica):
    assert proxy.ask(post(b"a body", "Content-Type: text/x")).body == b"a body"
    request = replica.saw()
    assert (request.get("Content-Length"), request.get("Content-Type")) == ("6", "text/x")


def test_empty_post_has_a_length(proxy: RunningProxy, replica: Replica):
    proxy.ask(b"POST /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")

    assert replica.saw().get("Content-Length") == "0"


def test_chunked_request_stays_chunked(proxy: RunningProxy, replica: Replica):
    assert proxy.ask(chunked(b"one", b"two" * 100)).body == b"one" + b"two" * 100
    request = replica.saw()
    assert (request.get("Transfer-Encoding"), request.get("Content-Length")) == ("chunked", None)


def test_chunked_response_stays_chunked(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    response = proxy.ask(get())

    assert (response.get("Transfer-Encoding"), response.body) == ("chunked", b"abcde")


def test_response_that_ends_with_its_connection_becomes_chunked(proxy: RunningProxy, replica: Replica):
    replica.answers(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
    client = proxy.connect()

    client.send(get())
    response = client.response()

    assert (response.start, response.body) == ("HTTP/1.1 200 OK", b"until the end")
    client.send(get())
    assert client.response().status == 200


def test_http10_client_gets_a_chunked_response_without_chunks(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    client = proxy.connect()

    client.send(b"GET /function/echo HTTP/1.0\r\n\r\n")
    response = client.response()

    assert (response.body, response.get("Transfer-Encoding"), response.get("Connection")) == (b"abc", None, "close")


def test_trailers_pass_in_both_directions(proxy: RunningProxy, replica: Replica):
    def script(wire: Wire) -> None:
        replica.note(wire.request())
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nChecksum: 9\r\n\r\n")

    replica.script = script
    client = proxy.connect()

    client.send(chunked(b"abc")[:-2] + b"Digest: 7\r\nContent-Length: 9\r\nX-Call-Id: forged\r\n\r\n")

    assert client.response().trailers == [("Checksum", "9")]
    assert replica.saw().trailers == [("Digest", "7")]


def test_unknown_function_is_not_found(proxy: RunningProxy, replica: Replica):
    response = proxy.ask(get("/function/ghost"))

    assert response.status == 404
    assert response.body == b"no function named `ghost` in namespace `openfaas-fn`\n"
    assert response.all("X-Call-Id") == []
    assert replica.saw_nothing()


@pytest.mark.parametrize("path", ["/function/ghost.elsewhere", "/function/echo.dev", "/function/", "/function/%41"])
def test_other_unknown_names_are_not_found(proxy: RunningProxy, path: str):
    assert proxy.ask(get(path)).status == 404


def test_connection_is_kept_on_both_sides(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    for body in (b"1", b"22", b""):
        client.send(post(body))
        assert client.response().body == body

    assert len(replica.connections) == 1


def test_connection_survives_an_unknown_function(proxy: RunningProxy):
    client = proxy.connect()

    client.send(post(b"lost", path="/function/ghost"))
    assert client.response().status == 404
    client.send(post(b"found"))
    assert client.response().body == b"found"


def test_connection_close_is_obeyed(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(get("/function/echo", "Connection: close"))

    assert client.response().get("Connection") == "close"
    assert client.ended()
    assert replica.saw().get("Connection") is None


def test_http10_client_keeps_its_connection_on_request(proxy: RunningProxy):
    client = proxy.connect()

    for _ in range(2):
        client.send(b"GET /function/echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.response().get("Connection") == "keep-alive"


def test_head_has_the_length_and_no_body(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    client = proxy.connect()

    for _ in range(2):
        client.send(get().replace(b"GET", b"HEAD"))
        assert client.response("HEAD").get("Content-Length") == "1234"
    assert client.quiet(0.05)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_status_without_body_ends_with_its_head(proxy: RunningProxy, replica: Replica, status: str):
    replica.always(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())
    client = proxy.connect()

    for _ in range(2):
        client.send(get())
        response = client.response()
        assert (response.start, response.get("ETag")) == (f"HTTP/1.1 {status}", "x")
        assert response.get("Transfer-Encoding") is None
    assert client.quiet(0.05)


def test_no_content_has_no_length(proxy: RunningProxy, replica: Replica):
    """Many servers send `Content-Length: 0` with it, which RFC 9110 forbids."""
    replica.always(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")

    assert proxy.ask(get()).get("Content-Length") is None


def test_not_modified_keeps_its_content_length(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n")

    assert proxy.ask(get()).get("Content-Length") == "7"


def test_expectation_is_answered_by_the_function(proxy: RunningProxy, replica: Replica):
    def script(wire: Wire) -> None:
        head = wire.head()
        assert head.get("Expect") == "100-continue"
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.send(ok(wire.take(4)))

    replica.script = script
    client = proxy.connect()

    client.send(post(b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 4"))
    assert client.head().start == "HTTP/1.1 100 Continue"
    client.send(b"body")
    assert client.response().body == b"body"


def test_expectation_may_be_refused(proxy: RunningProxy, replica: Replica):
    replica.script = lambda wire: (wire.head(), wire.send(ok(b"no thanks").replace(b"200 OK", b"413 Too Large")))[1]
    client = proxy.connect()

    client.send(post(b"", "Expect: 100-continue").replace(b"Length: 0", b"Length: 4"))

    response = client.response()
    assert (response.status, response.body) == (413, b"no thanks")
    assert response.get("Connection") == "close"


def test_unexpected_continue_is_not_passed_on(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"x"))

    assert proxy.ask(post(b"abc")).status == 200


def test_early_hints_are_passed_on(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"x"))
    client = proxy.connect()

    client.send(get())

    assert client.head().all("Link") == ["</a>"]
    assert client.response().body == b"x"


def test_http10_client_gets_no_interim_response(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(b"x"))

    assert proxy.ask(b"GET /function/echo HTTP/1.0\r\n\r\n").status == 200


def test_large_bodies_stream_in_bounded_memory(proxy: RunningProxy, replica: Replica):
    """100 MB up and down at once: the process (proxy, client and replica) grows by a fraction of it."""
    size, piece = 100 * 1024 * 1024, bytes(256 * 1024)

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            wire.take(len(piece))
            wire.send(piece)

    replica.script = script
    client = proxy.connect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def upload() -> None:
        client.send(b"POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            client.send(piece)

    uploading = threading.Thread(target=upload)
    uploading.start()
    assert client.head().status == 200
    for _ in range(size // len(piece)):
        client.take(len(piece))
    uploading.join()

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024


def test_other_paths_go_to_the_control_api(proxy: RunningProxy, control: Replica, replica: Replica):
    control.always(ok(b"control"))

    assert proxy.ask(get("/system/info")).body == b"control"

    request = control.saw()
    assert (request.start, request.get("Host")) == ("GET /system/info HTTP/1.1", "proxy.test")
    assert replica.saw_nothing()
