"""Mode http: a long-lived process behind a proxy."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack, closing, suppress

import pytest

from tests.conformance.watchdog.watchdog_driver import (
    FUNCTION,
    Watchdog,
    alive,
    eventually,
    free_port,
    read_all,
    read_pid,
    read_until,
    seen,
    settings_of_function,
)

CLOSE = "Host: fn.example:1234\r\nConnection: close\r\n\r\n"


def test_request_arrives_as_it_was_sent(function):
    answer = function().raw(
        "POST /a%2Fb/echo?q=%20x HTTP/1.1\r\nHost: fn.example:1234\r\nX-Multi: one\r\nX-Multi: two\r\n"
        "Proxy-Authorization: p\r\nAccept-Encoding: identity\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    )

    request = seen(answer)
    assert (request["method"], request["target"], request["body"]) == ("POST", "/a%2Fb/echo?q=%20x", "hello")
    headers = [(name, value) for name, value in request["headers"] if name != "Traceparent"]
    assert sorted(headers) == [
        ("Accept-Encoding", "identity"),
        ("Content-Length", "5"),
        ("Host", "fn.example:1234"),
        ("Proxy-Authorization", "p"),
        ("X-Multi", "one"),
        ("X-Multi", "two"),
    ]


def test_nothing_but_a_trace_is_added(function):
    request = seen(function().raw(f"GET / HTTP/1.1\r\n{CLOSE}"))

    assert sorted(name for name, _ in request["headers"]) == ["Host", "Traceparent"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get"])
def test_every_method_arrives(function, method):
    answer = function().call(method, "/")

    assert answer.status == 200
    if method == "HEAD":
        assert (answer.body, int(answer.headers["Content-Length"]) > 10) == (b"", True)
    else:
        assert seen(answer)["method"] == method


def test_chunked_request_arrives_chunked_with_trailers(function):
    answer = function().raw(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        "5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n"
    )

    request = seen(answer)
    assert (request["body"], request["trailers"]) == ("hello", ["X-Sum: 42"])
    assert ["Transfer-Encoding", "chunked"] in request["headers"]


@pytest.mark.parametrize("name", ["http_buffer_req_body", "buffer_http"])
def test_buffered_request_has_a_length(function, name):
    answer = function(**{name: "true"}).raw(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )

    assert ["Content-Length", "5"] in seen(answer)["headers"]
    assert seen(answer)["body"] == "hello"


def test_absolute_target(function):
    request = seen(function().raw("GET http://foo.example/echo?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

    assert request["target"] == "/echo?q"
    assert ["Host", "foo.example"] in request["headers"]


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize(("base", "target"), [("/", "//x"), ("/base", "/base/x")])
def test_base_path_is_put_before_the_target(function, base, target, accept):
    assert seen(function(base=base).get("/x", Accept=accept))["target"] == target


def test_http_upstream_url_wins(launch):
    port = free_port()
    urls = {"upstream_url": "http://127.0.0.1:1", "http_upstream_url": f"http://127.0.0.1:{port}"}
    watchdog = launch(f"{sys.executable} -S {FUNCTION} {port}", mode="http", **urls).wait_until_up()

    assert watchdog.get("/").status == 200


def test_unix_socket(launch, tmp_path):
    path = tmp_path / "function.sock"
    command = f"{sys.executable} -S {FUNCTION} {path}"
    watchdog = launch(command, mode="http", upstream_url=f"unix://{path}").wait_until_up()

    assert seen(watchdog.call(body="hello"))["body"] == "hello"


def test_answer_arrives_as_it_was_sent(function):
    answer = function().get("/duration")

    assert answer.status == 404
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["Server"] == "mine"
    assert answer.headers.get_all("Date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert re.fullmatch(r"\d\.\d{6}", answer.headers["X-Duration-Seconds"])


def test_redirect_is_not_followed(function):
    answer = function().get("/redirect")

    assert (answer.status, answer.headers["Location"]) == (302, "http://elsewhere.example/")


def test_missing_type_is_sniffed_and_never_forced(function):
    assert function(content_type="x/y").get("/html").headers["Content-Type"] == "text/html; charset=utf-8"


def test_answer_that_ends_with_the_connection(function):
    assert function().get("/until-close").text == "until the end"


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson", "text/plain"])
@pytest.mark.parametrize("path", ["/stream", "/sized"])
def test_pieces_are_passed_on_at_once(function, tmp_path, path, accept):
    """The function goes on only when the test has seen its first piece."""
    gate = tmp_path / "gate"
    with function().connect() as connection:
        connection.sendall(f"GET {path}?{gate} HTTP/1.1\r\nAccept: {accept}\r\n{CLOSE}".encode())
        assert b"last" not in read_until(connection, b"first")
        gate.touch()
        read_until(connection, b"last")


def test_body_is_passed_on_at_once(function):
    with function().connect() as connection:
        size = 200_000
        connection.sendall(f"POST /mirror HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\nfirst".encode())
        read_until(connection, b"first")
        connection.sendall(b"x" * (size - 9) + b"last")
        read_until(connection, b"last")


def test_answer_trailers(function):
    answer = function().raw(f"GET /trailers HTTP/1.1\r\nTE: trailers\r\n{CLOSE}")

    assert b"\r\nTrailer: X-Sum\r\n" in answer
    assert answer.endswith(b"0\r\nX-Sum: 42\r\n\r\n")


def test_early_hints(function):
    answer = function().raw(f"GET /hints HTTP/1.1\r\n{CLOSE}")

    assert answer.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.count(b"Link:") == 1


def test_expectation_is_answered_by_the_function(function):
    with function().connect() as connection:
        head = b"POST /continue HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head)
        assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert b'"body": "hello"' in read_until(connection, b"}")


def test_expectation_that_the_function_ignores(function):
    answer = function().call(body="hello", Expect="100-continue")

    assert seen(answer)["body"] == "hello"


def test_refusal_before_the_body(function):
    with function().connect() as connection:
        head = b"POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head)
        assert read_until(connection, b"big").startswith(b"HTTP/1.1 413 ")


def test_answer_before_the_body_is_complete(function):
    with function().connect() as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n" + b"x" * 50_000)
        assert read_until(connection, b"big").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/refuse", "/hang-up", "/html", "/silence"])
def test_rest_of_a_body_is_never_a_request(function, path):
    watchdog = function(exec_timeout="300ms")
    left_over = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    with watchdog.connect() as connection:
        length = 100_000 + len(left_over)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode())
        connection.sendall(b"x" * 50_000)
        answer = connection.recv(100)
        with suppress(OSError):
            connection.sendall(b"x" * 50_000 + left_over)
        answer += read_all(connection)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in watchdog.log


def test_connection_of_the_client_is_kept(function):
    watchdog = function()
    with watchdog.connect() as connection:
        for size in (0, 5, 100_000, 200_000):
            connection.sendall(f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
            assert b"Connection: close" not in read_until(connection, b'"connection": ')


@pytest.mark.parametrize("protocol", ["websocket", "WebSocket", "other/1"])
def test_upgrade_is_tunnelled(function, protocol):
    watchdog = function()
    with watchdog.connect() as connection:
        connection.sendall(
            f"GET /websocket HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {protocol}\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly".encode()
        )
        head = read_until(connection, b"early")
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"\r\nSec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
        for piece in (b"one", b"two", b"\x00\xff" * 50_000):
            connection.sendall(piece)
            read_until(connection, piece[-200:])


def test_upgraded_call_obeys_exec_timeout(function):
    with function(exec_timeout="500ms").connect() as connection:
        connection.sendall(b"GET /websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        read_until(connection, b"\r\n\r\n")
        assert read_all(connection) == b""


def test_drain_waits_for_upgraded_connections(function):
    watchdog = function()
    with watchdog.connect() as connection:
        connection.sendall(b"GET /websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        read_until(connection, b"\r\n\r\n")
        watchdog.terminate()
        eventually("it drains", lambda: not watchdog.lock.exists())
        connection.sendall(b"still")
        read_until(connection, b"still")
    assert watchdog.exit_code() == 0


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize("path", ["/hang-up", "/garbage", "/endless-header"])
def test_function_that_gives_no_answer(function, path, accept):
    answer = function().call("POST", path, Accept=accept)

    assert (answer.status, answer.body) == (500, b"")
    assert answer.headers["X-Openfaas-Internal"] == "of-watchdog"
    assert answer.headers["X-Duration-Seconds"]


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "application/x-ndjson"])
def test_exec_timeout(function, accept):
    answer = function(exec_timeout="300ms").get("/silence", Accept=accept)

    assert (answer.status, answer.body) == (504, b"")
    assert answer.headers["X-Openfaas-Internal"] == "of-watchdog"
    assert answer.headers["X-Duration-Seconds"].startswith("0.3")


@pytest.mark.parametrize("asked", ["0", "0s", "-1s", "60s", "1"])
def test_caller_cannot_lengthen_the_time(function, asked):
    assert function(exec_timeout="300ms").get("/silence", X_Timeout=asked).status == 504


def test_caller_may_shorten_the_time(function):
    assert function(exec_timeout="0", write_timeout="0").get("/silence", X_Timeout="300ms").status == 504


def test_body_that_stops_coming(function):
    watchdog = function(read_timeout="300ms")
    for size in (10, 100_000):
        answer = watchdog.raw(f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 504 ")


def test_body_that_breaks_off(function):
    watchdog = function()
    for size in (10, 100_000):
        answer = watchdog.raw(f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\nabc", finish=True)
        assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/cut", "/cut-chunked", "/stall"])
def test_answer_that_breaks_off_is_cut_too(function, path):
    """Never a clean end: the client must see that something is missing."""
    answer = function(exec_timeout="500ms").raw(f"GET {path} HTTP/1.1\r\n{CLOSE}")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
    assert b"Content-Length: 5\r\n" not in answer


def test_client_that_leaves_ends_the_call(function, tmp_path):
    mark = tmp_path / "mark"
    watchdog = function()
    with watchdog.connect() as connection:
        connection.sendall(f"GET /silence?{mark} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        eventually("the call runs", (tmp_path / "mark-begun").exists)

    eventually("the function is told", mark.exists)


def test_connections_are_kept(function):
    watchdog = function()

    numbers = {seen(watchdog.get("/"))["connection"] for _ in range(10)}

    assert len(numbers) == 1


def test_connection_that_the_function_closed_is_not_used_again(function):
    watchdog = function()

    numbers = [watchdog.get("/last").text for _ in range(10)]

    assert len(set(numbers)) == 10


def test_call_id_in_the_log(function):
    watchdog = function(log_callid="1")

    watchdog.get("/x?y", X_Call_Id="abc-123")

    eventually(
        "the call is logged", lambda: re.search(r"GET /x\?y - 200 OK - .*\[abc-123\]\n", watchdog.log) is not None
    )


def test_output_of_the_function_is_logged(function):
    watchdog = function()

    eventually("standard output is logged", lambda: " stdout: function listens\n" in watchdog.log)
    eventually("standard error is logged", lambda: " stderr: function complains\n" in watchdog.log)


def test_calls_wait_for_a_function_that_is_starting(launch_function, tmp_path):
    late = tmp_path / "late"
    watchdog = launch_function(f"late={late}").wait_until_up()
    assert (watchdog.get("/_/health").status, watchdog.get("/_/ready").status) == (200, 503)

    with watchdog.connect() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\n{CLOSE}".encode())
        late.touch()
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert watchdog.get("/_/ready").status == 200


def test_ready_asks_the_function(launch_function):
    watchdog = launch_function(ready_path="/duration").wait_until_up()

    eventually("the function's own answer", lambda: watchdog.get("/_/ready?q=2").status == 404)
    assert watchdog.get("/_/ready").headers["Server"] == "mine"


@pytest.mark.parametrize("code", [0, 5])
def test_function_that_ends_takes_the_watchdog_along(function, code):
    watchdog = function()

    assert watchdog.get(f"/leave?{code}").text == "bye"

    assert watchdog.exit_code() == code
    assert not watchdog.lock.exists()


def test_function_that_cannot_be_started(launch):
    watchdog = launch("nosuchbin", mode="http", upstream_url="http://127.0.0.1:1")

    assert watchdog.exit_code() == 1
    assert "nosuchbin" in watchdog.log


def test_function_is_restarted_when_wanted(function):
    watchdog = function(restart="true")
    first = watchdog.get("/pid").text

    watchdog.get("/leave?3")
    eventually("the function runs again", lambda: watchdog.get("/pid").text not in (first, ""))

    assert watchdog.get("/_/ready").status == 200


def test_function_is_told_to_leave_after_its_calls(function, tmp_path):
    gate, term = tmp_path / "gate", tmp_path / "term"
    watchdog = function(f"term={term}")
    pid = int(watchdog.get("/pid").text)
    with watchdog.connect() as connection:
        connection.sendall(f"GET /stream?{gate} HTTP/1.1\r\n{CLOSE}".encode())
        read_until(connection, b"first")
        watchdog.terminate()
        eventually("it drains", lambda: not watchdog.lock.exists())
        assert not term.exists()
        gate.touch()
        read_until(connection, b"last")
    assert watchdog.exit_code() == 0
    assert term.exists()
    assert not alive(pid)


def test_concurrency_is_not_limited_by_default(function, tmp_path):
    gate, watchdog = tmp_path / "gate", function()
    with ExitStack() as stack:
        connections = [stack.enter_context(watchdog.connect()) for _ in range(100)]
        for connection in connections:
            connection.sendall(f"GET /stream?{gate} HTTP/1.1\r\n{CLOSE}".encode())
        for connection in connections:
            read_until(connection, b"first")
        gate.touch()
        assert all(read_all(connection).endswith(b"0\r\n\r\n") for connection in connections)


def test_calls_above_the_limit_are_refused(function):
    watchdog = function(max_inflight="1")
    with watchdog.connect() as connection:
        connection.sendall(b"GET /silence HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", lambda: watchdog.get("/_/ready").status == 429)
        assert watchdog.get("/").status == 429


@pytest.mark.parametrize("name", ["child", "stubborn"])
def test_child_of_a_process_that_ends_does_not_keep_the_watchdog(function, tmp_path, name):
    """The child holds the connection of the call and the streams of the log; the stubborn one ignores SIGTERM."""
    watchdog = function()

    answer = watchdog.get(f"/leave-child?{tmp_path / name}")

    assert answer.status == 500
    assert watchdog.exit_code() == 3
    assert not alive(read_pid(tmp_path / name))


def test_child_with_a_session_of_its_own_does_not_keep_the_first_process(binary, tmp_path):
    """In a container or an isolated function the watchdog is PID 1, and inherits what has left the group."""
    own = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*own, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us make a PID namespace")
    with closing(Watchdog([*own, binary], tmp_path, settings_of_function())) as watchdog:
        watchdog.wait_until_up()

        assert watchdog.get(f"/leave-child?{tmp_path / 'session'}").status == 500
        assert watchdog.exit_code() == 3
