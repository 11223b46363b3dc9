"""What the HTTP server does in every mode: limits of the protocol, paths, health, concurrency, metrics."""

from __future__ import annotations

import gzip
import json
import re
import threading
from contextlib import suppress

import pytest

from tests.conformance.watchdog.watchdog_driver import Answer, eventually, read_all, read_until

CLOSE = "Host: h\r\nConnection: close\r\n\r\n"


@pytest.fixture
def cat(start):
    return start("cat")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\r\n\r\n", b"400"),
        ("HELLO\r\n\r\n", b"400"),
        (f"GET /%zz HTTP/1.1\r\n{CLOSE}", b"400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (f"GET / HTTP/2.0\r\n{CLOSE}", b"505"),
        (f"OPTIONS * HTTP/1.1\r\n{CLOSE}", b"200"),
        ("CONNECT foo:80 HTTP/1.1\r\nHost: foo:80\r\nConnection: close\r\n\r\n", b"404"),
    ],
)
def test_protocol(cat, request_text, status):
    assert cat.raw(request_text, finish=True).split()[1] == status


@pytest.mark.parametrize(("path", "location"), [("//foo", "/foo"), ("/a/../b?x=1", "/b?x=1"), ("/a/./b", "/a/b")])
def test_path_is_cleaned_by_a_redirect(cat, path, location):
    answer = cat.call("POST", path, b"x")

    assert (answer.status, answer.headers["Location"]) == (307, location)


def test_header_too_large(cat):
    assert cat.get("/", X_Big="x" * ((1 << 20) + 5000)).status == 431


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
def test_header_too_large_for_a_process(start, mode):
    watchdog = start("cat", mode=mode)

    answer = watchdog.get("/", X_Big="x" * 900_000)

    assert answer.status == 431
    assert answer.text.strip().startswith("the headers of the request are too large: ")
    assert " - 431: the headers" in watchdog.log


def test_connection_is_kept(cat):
    with cat.connect() as connection:
        for _ in range(3):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            read_until(connection, b"abc")


def test_requests_can_be_pipelined(cat):
    one = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n{}\r\n{}"
    answer = cat.raw(one.format("", "a") + one.format("", "b") + one.format("Connection: close\r\n", "c"))

    assert re.findall(rb"\r\n\r\n(.)", answer) == [b"a", b"b", b"c"]


LEFT_OVER = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
@pytest.mark.parametrize("text", ["exit 3", "echo answer", "head -c 200000 /dev/zero", "sleep 60"])
def test_rest_of_a_body_is_never_a_request(start, script, text, mode):
    """The process answers, fails or is killed before the body has come."""
    watchdog = start(script(text), mode=mode, exec_timeout="300ms", read_timeout="1s")
    with watchdog.connect() as connection:
        length = 100_000 + len(LEFT_OVER)
        connection.sendall(f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode())
        connection.sendall(b"x" * 50_000)
        answer = connection.recv(100)
        with suppress(OSError):
            connection.sendall(b"x" * 50_000 + LEFT_OVER.encode())
        answer += read_all(connection)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in watchdog.log


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
def test_connection_is_kept_after_large_answers(start, script, mode):
    watchdog = start(script("cat >/dev/null; head -c 200000 /dev/zero; echo end"), mode=mode)
    with watchdog.connect() as connection:
        for _ in range(3):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
            head = read_until(connection, b"end\n\r\n0\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"Connection: close" not in head


def test_idle_connection_is_closed(start):
    watchdog = start("cat", read_timeout="300ms")

    assert watchdog.raw("GET / HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_header_that_never_ends_is_closed_silently(start):
    assert start("cat", read_timeout="300ms").raw("GET / HTTP/1.1\r\nHost:") == b""


def test_http_1_0_answer_ends_with_the_connection(cat):
    answer = cat.raw("POST / HTTP/1.0\r\nContent-Length: 3000\r\n\r\n" + "x" * 3000)

    assert b"Transfer-Encoding" not in answer
    assert answer.endswith(b"\r\n\r\n" + b"x" * 3000)


@pytest.mark.parametrize("path", ["/_/health", "/_/health?x=1"])
def test_healthy(cat, path):
    answer = cat.get(path)

    assert (answer.status, answer.text, answer.headers["Content-Length"]) == (200, "OK", "2")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/_/health", "/_/ready"])
@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_health_is_only_for_get(cat, method, path):
    answer = cat.call(method, path)

    assert (answer.status, answer.body) == (405, b"")


@pytest.mark.parametrize("path", ["/scale", "/metrics", "/_/health/"])
def test_other_paths_belong_to_the_function(cat, path):
    assert cat.call("POST", path, b"fn").text == "fn"


def test_removing_the_lock_file_makes_it_unhealthy_and_no_more(cat):
    cat.lock.unlink()

    assert (cat.get("/_/health").status, cat.get("/_/ready").status) == (503, 503)
    assert cat.call(body="still").text == "still"
    cat.lock.touch()
    assert (cat.get("/_/health").status, cat.get("/_/ready").status) == (200, 200)


def test_suppressed_lock_does_not_break_health(start):
    watchdog = start("cat", suppress_lock="true")

    assert not watchdog.lock.exists()
    assert (watchdog.get("/_/health").status, watchdog.get("/_/ready").status) == (200, 200)


def test_ready_asks_the_function(start):
    watchdog = start("env", mode="streaming", ready_path="/x/y?z=1")

    answer = watchdog.get("/_/ready?q=2", X_A="probe")

    assert answer.variables["Http_Path"] == "/x/y?z=1"
    assert answer.variables["Http_X_A"] == "probe"
    assert "Http_Query" not in answer.variables


@pytest.mark.parametrize("mode", ["streaming", "serializing"])
def test_function_that_fails_is_not_ready(start, mode):
    assert start("false", mode=mode, ready_path="/ready").get("/_/ready").status == 500


class Busy:
    """Calls that wait at a gate until the test opens it."""

    def __init__(self, watchdog, gate, started):
        self.watchdog, self.gate, self.started = watchdog, gate, started
        self.answers: list[Answer] = []
        self.threads: list[threading.Thread] = []

    def occupy(self, count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=lambda: self.answers.append(self.watchdog.call()))
            thread.start()
            self.threads.append(thread)
        eventually("the calls run", lambda: len(list(self.started.iterdir())) == count)

    def release(self) -> list[int]:
        self.gate.touch()
        for thread in self.threads:
            thread.join()
        return [answer.status for answer in self.answers]


@pytest.fixture
def busy(start, script, tmp_path):
    """A watchdog whose calls last until the test releases them."""
    gate, started = tmp_path / "gate", tmp_path / "started"
    started.mkdir()
    text = f"touch {started}/$$; while [ ! -e {gate} ]; do sleep 0.02; done"

    def busy(**env):
        return Busy(start(script(text), **env), gate, started)

    return busy


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
def test_calls_above_the_limit_are_refused(busy, mode):
    calls = busy(mode=mode, max_inflight="2")
    calls.occupy(2)

    refused = calls.watchdog.call()
    assert refused.status == 429
    assert refused.text == "Concurrent request limit exceeded. Max concurrent requests: 2\n"
    assert refused.headers["Content-Type"] == "text/plain"
    assert refused.headers["X-Openfaas-Internal"] == "faas-middleware"
    assert refused.headers["Retry-After"] == "1"
    ready = calls.watchdog.get("/_/ready")
    assert (ready.status, ready.body) == (429, b"")
    assert calls.watchdog.get("/_/health").status == 200
    assert calls.watchdog.call("OPTIONS").status == 429

    assert calls.release() == [200, 200]
    assert calls.watchdog.call().status == 200


def test_concurrency_is_not_limited_by_default(busy):
    calls = busy()

    calls.occupy(30)

    assert calls.release() == [200] * 30


def test_metrics(busy):
    calls = busy()
    watchdog = calls.watchdog
    assert "\nhttp_requests_in_flight 0\n" in watchdog.metrics()
    calls.occupy(1)
    assert "\nhttp_requests_in_flight 1\n" in watchdog.metrics()
    calls.release()
    watchdog.call("OPTIONS")
    watchdog.call("FOO")
    watchdog.get("/_/health")

    eventually("the calls are counted", lambda: 'method="unknown"' in watchdog.metrics())

    text = watchdog.metrics()
    counted = sorted(line for line in text.splitlines() if line.startswith("http_requests_total"))
    assert counted == [
        'http_requests_total{code="200",method="post"} 1',
        'http_requests_total{code="405",method="options"} 1',
        'http_requests_total{code="405",method="unknown"} 1',
    ]
    bounds = re.findall(r'http_request_duration_seconds_bucket{code="200",method="post",le="([^"]+)"}', text)
    assert bounds == "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf".split()
    for kind in (
        "http_requests_total counter",
        "http_request_duration_seconds histogram",
        "http_requests_in_flight gauge",
    ):
        assert f"# TYPE {kind}\n" in text
    for name in (
        "go_goroutines ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_start_time_seconds ",
    ):
        assert f"\n{name}" in text


def test_metrics_port_has_nothing_else(cat):
    assert cat.metrics_port != cat.port
    cat.port = cat.metrics_port

    assert cat.get("/").status == 404
    assert cat.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4; charset=utf-8")


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 200), ("HEAD", 200)])
def test_metrics_answer_every_method(cat, method, status):
    cat.port = cat.metrics_port

    answer = cat.call(method, "/metrics")

    assert (answer.status, len(answer.body) > 0) == (status, method != "HEAD")


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("xgzip", False)],
)
def test_metrics_are_packed_for_those_who_ask(cat, accepted, packed):
    cat.port = cat.metrics_port

    answer = cat.call("GET", "/metrics", Accept_Encoding=accepted)

    assert answer.headers["Content-Encoding"] == ("gzip" if packed else None)
    text = gzip.decompress(answer.body) if packed else answer.body
    assert b"\nhttp_requests_in_flight 0\n" in text


def test_logs_as_json(start):
    watchdog = start("cat", mode="streaming", log_format="json")
    watchdog.call("POST", "/p?q", b"12345", X_Call_Id="7")

    lines = [json.loads(line) for line in watchdog.log.splitlines()]

    call = lines[-1]
    assert {"method": "POST", "target": "/p?q", "status": 200, "bytes": 5, "call_id": "7"}.items() <= call.items()
    assert lines[0]["text"].startswith("fwatchdog ")
