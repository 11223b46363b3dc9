"""Streaming and serializing: the other two modes with a process per request."""

from __future__ import annotations

import pytest

from tests.conformance.watchdog.watchdog_driver import alive, eventually, read_pid, read_until

EX3 = "echo out-text; echo err-text >&2; exit 3"
REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def test_stream_is_of_no_particular_type(start):
    answer = start("cat", mode="streaming").call(body="hello", Content_Type="text/plain")

    assert (answer.status, answer.text) == (200, "hello")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Duration-Seconds"] is None


def test_stream_has_the_type_that_is_set(start):
    assert start("cat", mode="streaming", content_type="text/plain").call().headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("mode", ["streaming", "serializing"])
def test_type_that_is_set_to_nothing_is_sent_empty(start, mode):
    assert start("cat", mode=mode, content_type="").call().headers["Content-Type"] == ""


@pytest.mark.parametrize("mode", ["streaming", "serializing"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "PATCH", "DELETE", "FOO"])
def test_every_method_is_answered(start, mode, method):
    answer = start("cat", mode=mode).call(method, "/", b"abc")

    assert (answer.status, answer.text) == (200, "abc")


def test_head_is_answered_without_a_body(start):
    answer = start("cat", mode="streaming").call("HEAD", "/", b"abc")

    assert (answer.status, answer.body) == (200, b"")


def test_output_arrives_as_it_is_written(start, script, tmp_path):
    """The script goes on only when the test has seen its first line."""
    gate = tmp_path / "gate"
    watchdog = start(script(f"echo first; while [ ! -e {gate} ]; do sleep 0.01; done; echo last"), mode="streaming")

    with watchdog.connect() as connection:
        connection.sendall(REQUEST)
        assert b"last" not in read_until(connection, b"first\n")
        gate.touch()
        read_until(connection, b"last\n")


def test_process_sees_the_body_as_it_arrives(start, script, tmp_path):
    watchdog = start(script(f"read line; echo $line > {tmp_path}/seen; cat"), mode="streaming")

    with watchdog.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfirst\n")
        eventually("the process reads", lambda: (tmp_path / "seen").exists())
        connection.sendall(b"last")
        read_until(connection, b"last")


@pytest.mark.parametrize("mode", ["streaming", "serializing"])
def test_request_is_in_the_environment(start, mode):
    env = start("env", mode=mode).call("POST", "/a%20b?q=%20", b"hello", X_Call_Id="7").variables

    wanted = {"Http_Content_Length": "5", "Http_Method": "POST", "Http_Query": "q=%20", "Http_Path": "/a b"}
    assert wanted.items() <= env.items()
    assert env["Http_X_Call_Id"] == "7"


def test_function_process_wins_over_fprocess(start):
    assert start("cat", mode="streaming", function_process="echo fp").call().text == "fp\n"


@pytest.mark.parametrize("mode", ["streaming", "serializing"])
def test_stderr_goes_to_the_log(start, script, mode):
    watchdog = start(script("echo out; echo err-text >&2"), mode=mode)

    assert watchdog.call().text == "out\n"
    eventually("standard error is logged", lambda: " stderr: err-text\n" in watchdog.log)


@pytest.mark.parametrize(
    ("value", "line"), [("false", "\nerr-text\n"), ("0", "\nerr-text\n"), ("", " stderr: err-text\n")]
)
def test_prefix_logs(start, script, value, line):
    watchdog = start(script("echo err-text >&2"), mode="streaming", prefix_logs=value)

    watchdog.call()

    eventually("standard error is logged", lambda: line in watchdog.log)


def test_line_without_an_end_and_lines_too_long_are_logged(start, script):
    """A reader that gives up would block the function on its own error messages."""
    watchdog = start(script("head -c 200000 /dev/zero | tr '\\0' x >&2; printf unfinished >&2"), mode="streaming")

    assert watchdog.call().status == 200
    eventually("everything is logged", lambda: watchdog.log.count("x") >= 200_000 and "unfinished\n" in watchdog.log)


def test_every_line_of_short_processes_is_logged(start, script):
    watchdog = start(script("echo err-text >&2"), mode="serializing")

    for _ in range(50):
        watchdog.call()

    eventually("50 lines are logged", lambda: watchdog.log.count("stderr: err-text\n") == 50)


@pytest.mark.parametrize(("command", "status"), [("false", 500), ("nosuch -x", 500)])
def test_stream_that_fails_before_its_first_byte(start, command, status):
    """The contract's watchdogs say 200 here; nothing has been sent yet, so ours can say what happened."""
    assert start(command, mode="streaming").call().status == status


def test_stream_that_takes_too_long_before_its_first_byte(start):
    assert start("sleep 60", mode="streaming", exec_timeout="300ms").call().status == 504


@pytest.mark.parametrize("ending", ["exit 3", "exec sleep 60"])
def test_stream_that_fails_later_is_cut(start, script, ending):
    answer = start(script(f"echo begin; {ending}"), mode="streaming", exec_timeout="300ms").raw(REQUEST)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"begin\n" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_timeout_kills_everything_the_process_started(start, script, tmp_path):
    watchdog = start(script(f"sleep 60 & echo $! > {tmp_path}/pid; wait"), mode="streaming", exec_timeout="300ms")

    watchdog.call()

    pid = read_pid(tmp_path / "pid")
    eventually("the grandchild is killed", lambda: not alive(pid))


def test_exec_timeout_is_30_seconds_with_a_mode(start):
    assert "exec_timeout 30s" in start("cat", mode="streaming").log


def test_access_line(start):
    watchdog = start("cat", mode="streaming", log_callid="true")

    watchdog.call("POST", "/p?q=1", b"x" * 2049, X_Call_Id="abc-123")
    watchdog.call(body="12345")

    assert "POST /p?q=1 - 200 OK - ContentLength: 2.049kB (0." in watchdog.log
    assert ") [abc-123]\n" in watchdog.log
    assert "POST / - 200 OK - ContentLength: 5B (0." in watchdog.log
    assert ") [none]\n" in watchdog.log


def test_probes_leave_no_access_line(start):
    watchdog = start("cat", mode="streaming")

    watchdog.get("/", User_Agent="kube-probe/1.29")

    assert "GET /" not in watchdog.log


def test_serialized_answer(start):
    answer = start("cat", mode="serializing").call(body=b"x" * 100_000)

    assert (answer.status, len(answer.body)) == (200, 100_000)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Duration-Seconds"]


def test_serialized_failure_has_its_own_text_only(start, script):
    answer = start(script(EX3), mode="serializing").call()

    assert (answer.status, answer.text) == (500, "exit status 3")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Duration-Seconds"]


@pytest.mark.parametrize(
    ("command", "text"),
    [("sleep 60", "signal: killed"), ("nosuch", 'exec: "nosuch": executable file not found in $PATH')],
)
def test_serialized_errors(start, command, text):
    answer = start(command, mode="serializing", exec_timeout="300ms").call()

    assert (answer.status, answer.text) == (500, text)


def test_serialized_body_that_breaks_off(start):
    answer = start("cat", mode="serializing").raw(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc", finish=True
    )

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"\r\n\r\nunexpected EOF")


@pytest.mark.parametrize("command", ["true", "head -c 10", "echo hi"])
def test_process_that_does_not_read_all_is_no_failure(start, command):
    watchdog = start(command, mode="serializing")

    for size in (1_000, 100_000, 5_000_000):
        assert [watchdog.call(body=b"x" * size).status for _ in range(5)] == [200] * 5
