"""Fork mode: one process per request, its output the answer."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.conformance.watchdog.watchdog_driver import DEADLINE, alive, eventually, read_pid, read_until

MIX = "echo out-text; echo err-text >&2; exit ${Http_X_Exit:-0}"


@pytest.fixture
def cat(start):
    return start("cat")


def test_body_goes_to_the_process_and_its_output_comes_back(cat):
    answer = cat.call(body="hello")

    assert (answer.status, answer.text) == (200, "hello")
    assert answer.headers["Content-Length"] == "5"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert re.fullmatch(r"\d+\.\d{6}", answer.headers["X-Duration-Seconds"])
    assert answer.headers["Date"]
    assert answer.headers["Server"] is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_method_reaches_the_function(start, method):
    answer = start("env").call(method, "/x", b"abc")

    assert answer.status == 200
    assert answer.variables["Http_Method"] == method


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "UPDATE", "FOO", "get"])
def test_other_methods_are_refused(cat, method):
    answer = cat.call(method, "/x")

    assert (answer.status, answer.body, answer.headers["Allow"]) == (405, b"", None)


@pytest.mark.parametrize(
    ("size", "framing"), [(2048, ("2048", None)), (2049, (None, "chunked")), (200_000, (None, "chunked"))]
)
def test_framing_depends_on_size(cat, size, framing):
    answer = cat.call(body=b"x" * size)

    assert len(answer.body) == size
    assert (answer.headers["Content-Length"], answer.headers["Transfer-Encoding"]) == framing


def test_type_of_the_answer_is_sniffed(cat):
    assert cat.call(body="<html><body>x").headers["Content-Type"] == "text/html; charset=utf-8"


def test_empty_answer_has_no_type(cat):
    answer = cat.get("/")

    assert (answer.headers["Content-Length"], answer.headers["Content-Type"]) == ("0", None)


def test_type_of_the_answer_is_that_of_the_request(cat):
    assert cat.call(body='{"a":1}', Content_Type="application/json").headers["Content-Type"] == "application/json"


def test_content_type_is_forced(start):
    forced = start("cat", content_type="application/x-forced")

    assert forced.get("/").headers["Content-Type"] == "application/x-forced"


def test_empty_content_type_forces_nothing(start):
    assert start("cat", content_type="").call(body="x", Content_Type="text/x").headers["Content-Type"] == "text/x"


def test_request_is_in_the_environment(start):
    env = (
        start("env")
        .call("POST", "/a%20b/c%2Fd?q=1&x=%20y", b"hello", x_lower_case="1", X_Multi=["one", "two"], Empty="")
        .variables
    )

    assert env["Http_X_Lower_Case"] == "1"
    assert env["Http_X_Multi"] == "one"
    assert env["Http_Empty"] == ""
    assert env["Http_Method"] == "POST"
    assert env["Http_Path"] == "/a b/c/d"
    assert env["Http_Query"] == "q=1&x=%20y"
    assert env["Http_ContentLength"] == env["Http_Content_Length"] == "5"
    assert env["Http_Host"].startswith("127.0.0.1:")
    assert "Http_Transfer_Encoding" not in env


def test_header_names_with_underscores_and_dots(start):
    answer = start("env").raw("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX_Under: u\r\nX.Dot: d\r\n\r\n")

    assert b"\nHttp_X_under=u\n" in answer
    assert b"\nHttp_X.dot=d\n" in answer


def test_headers_cannot_pose_as_what_the_watchdog_sets(start):
    env = start("env").get("/", Query="evil", Method="EVIL", Path="/evil").variables

    assert (env["Http_Method"], env["Http_Path"]) == ("GET", "/")
    assert "Http_Query" not in env


def test_lengths_in_the_environment(start):
    env = start("env")
    chunked = env.raw(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )

    assert env.get("/").variables["Http_ContentLength"] == "0"
    assert env.call(body=b"").variables["Http_Content_Length"] == "0"
    for line in (b"Http_ContentLength=-1", b"Http_Content_Length=-1", b"Http_Transfer_Encoding=chunked"):
        assert line in chunked


def test_host_is_absent_when_the_client_names_none(start):
    assert b"Http_Host" not in start("env").raw("GET / HTTP/1.0\r\n\r\n")


def test_cgi_headers_off_leaves_only_our_own_environment(start):
    env = start("env", cgi_headers="false", MINE="kept").get("/a?q=1").variables

    assert env["MINE"] == "kept"
    assert not [name for name in env if name.startswith("Http_")]


def test_line_feed_in_the_path(start):
    assert "Http_Path=/a\nb" in start("env").get("/a%0Ab").text


def test_nul_in_the_path_fails(start):
    answer = start("env").get("/a%00b")

    assert answer.status == 500
    assert "NUL" in answer.text


def test_command_is_split_at_single_spaces(start, tmp_path):
    show = tmp_path / "args"
    show.write_text('#!/bin/sh\nfor each; do echo "[$each]"; done\n')
    show.chmod(0o755)

    answer = start(f"{show}  a \"b c\" $HOME 'd' ").get("/")

    assert answer.text.split("\n")[:-1] == ["[]", "[a]", '["b]', '[c"]', "[$HOME]", "['d']", "[]"]


def test_marshal_request(start):
    answer = start("cat", marshal_request="true").raw(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: text/plain\r\nX-Multi: one\r\n"
        "X-Multi: two <&>\r\nContent-Length: 5\r\n\r\nhello"
    )

    assert answer.endswith(
        b'{"header":{"Connection":["close"],"Content-Length":["5"],"Content-Type":["text/plain"],'
        b'"X-Multi":["one","two \\u003c\\u0026\\u003e"]},"body":{"raw":"aGVsbG8="}}'
    )


def test_marshal_request_without_a_body(start):
    answer = start("cat", marshal_request="true").raw("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b'{"header":{"Connection":["close"]},"body":{"raw":""}}')


def test_marshal_request_takes_any_bytes(start):
    body = bytes(range(256)) * 1000

    document = json.loads(start("cat", marshal_request="true").call(body=body).body)

    assert base64.b64decode(document["body"]["raw"]) == body


def test_both_streams_are_answered(start, script):
    assert start(script(MIX)).call().text == "out-text\nerr-text\n"


def test_stderr_is_logged_when_it_is_not_combined(start, script):
    watchdog = start(script(MIX), combine_output="false")

    assert watchdog.call().text == "out-text\n"
    eventually("standard error is logged", lambda: "stderr: err-text\n" in watchdog.log)


def test_failing_process_is_a_500_with_its_output(start, script):
    answer = start(script(MIX)).call(body="{}", Content_Type="application/json", X_Exit="3")

    assert (answer.status, answer.text) == (500, "exit status 3\nout-text\nerr-text\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Duration-Seconds"] is None


def test_process_killed_by_a_signal(start, script):
    answer = start(script("echo pre; kill -9 $$")).call()

    assert (answer.status, answer.text) == (500, "signal: killed\npre\n")


@pytest.mark.parametrize("debug", ["false", "true"])
def test_command_that_does_not_exist(start, debug):
    answer = start("nosuchbin", write_debug=debug).call()

    assert (answer.status, answer.text) == (500, 'exec: "nosuchbin": executable file not found in $PATH\n')


def test_failure_after_much_output_cuts_the_connection(start, script):
    """The status went out long ago: only a broken connection can tell that the answer is not whole."""
    watchdog = start(script("head -c 1000000 /dev/zero; exit 3"))

    answer = watchdog.raw("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")


def test_process_that_does_not_read_its_input(start):
    for size in (1_000, 100_000, 5_000_000):
        assert start("echo hi").call(body=b"x" * size).text == "hi\n"


def test_background_process_that_holds_the_input_does_not_delay_the_answer(start, script):
    watchdog = start(script("exec 3<&0; sleep 60 <&3 >/dev/null 2>&1 & echo done"))

    assert watchdog.call(body=b"x" * 1_000_000).text == "done\n"


def test_exec_timeout_is_a_408_and_kills_everything_the_process_started(start, script, tmp_path):
    watchdog = start(script(f"sleep 60 & echo $! > {tmp_path}/pid; echo begin; wait"), exec_timeout="300ms")

    answer = watchdog.call()

    assert (answer.status, answer.text) == (408, "Killed process.\n")
    pid = read_pid(tmp_path / "pid")
    eventually("the grandchild is killed", lambda: not alive(pid))


def test_timeout_is_answered_even_when_a_process_has_left_the_group(start, script, tmp_path):
    watchdog = start(script(f"setsid sleep {DEADLINE + 5}"), exec_timeout="300ms")

    assert watchdog.call().status == 408


def test_caller_may_shorten_the_time(start):
    assert start("sleep 60", exec_timeout="50s", write_timeout="50s").call(X_Timeout="200ms").status == 408


@pytest.mark.parametrize("asked", ["0", "0s", "-1s", "60s", "nonsense"])
def test_caller_cannot_lengthen_the_time(start, asked):
    assert start("sleep 60", exec_timeout="300ms").call(X_Timeout=asked).status == 408


def test_write_timeout_ends_the_call(start):
    """The contract's watchdogs lose the answer silently; ours says what happened and kills the process."""
    assert start("sleep 60", write_timeout="300ms").call().status == 408


def test_client_that_leaves_takes_its_process_along(start, script, tmp_path):
    watchdog = start(script(f"echo $$ > {tmp_path}/pid; exec sleep 60"))
    with watchdog.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        pid = read_pid(tmp_path / "pid")

    eventually("the process is killed", lambda: not alive(pid))


def test_body_that_stops_coming(start):
    answer = start("cat", read_timeout="300ms").raw("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"i/o timeout\n" in answer


@pytest.mark.parametrize(
    ("request_tail", "reason"),
    [
        ("Content-Length: 10\r\n\r\nabc", b"unexpected EOF\n"),
        ("Transfer-Encoding: chunked\r\n\r\nZZ\r\n", b"invalid byte in chunk length\n"),
    ],
)
def test_body_that_cannot_be_read(cat, request_tail, reason):
    answer = cat.raw(f"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{request_tail}", finish=True)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(reason)


def test_read_timeout_does_not_limit_the_function(start):
    assert start("sleep 1", read_timeout="300ms").call().status == 200


def test_continue_is_sent_before_the_body_is_read(cat):
    with cat.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert read_until(connection, b"abc").startswith(b"HTTP/1.1 200 OK\r\n")


def test_background_process_that_holds_the_output_delays_the_answer(start, script):
    """Whoever holds the pipe can still write to it."""
    assert start(script("(sleep 0.3; echo late) & echo done")).call().text == "done\nlate\n"


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
@pytest.mark.parametrize("child", ["sleep 60", "trap '' TERM; sleep 60", "sleep 60 >/dev/null 2>&1"])
def test_child_of_a_process_that_fails_is_ended(start, script, tmp_path, mode, child):
    """A child may hold the output and ignore SIGTERM."""
    watchdog = start(script(f"({child}) & echo $! > {tmp_path}/pid; exit 3"), mode=mode)

    assert watchdog.call().status == 500
    eventually("the child is ended", lambda: not alive(read_pid(tmp_path / "pid")))


def test_child_that_has_left_the_group_does_not_delay_a_failure(start, script):
    watchdog = start(script(f"setsid sleep {DEADLINE + 5} & sleep 0.1; exit 3"))

    assert watchdog.call().status == 500


def test_background_process_with_streams_of_its_own_does_not(start, script, tmp_path):
    watchdog = start(script(f"sleep 60 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; echo done"))

    assert watchdog.call().text == "done\n"
    assert alive(read_pid(tmp_path / "pid"))


def test_write_debug_copies_the_output(start, script):
    watchdog = start(script(MIX), write_debug="true", debug_headers="true")

    watchdog.call("POST", "/p?q", X_A=["1", "2"])

    for text in ("out-text\nerr-text\n", "[in] X-A=[1 2]\n", "[out] X-Duration-Seconds=[", "Query: q Path: /p\n"):
        assert text in watchdog.log


def test_log_names_bytes_and_duration(cat):
    cat.call(body="hello")

    assert re.search(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d Wrote 5 Bytes - Duration: \d+\.\d{6}s$", cat.log, re.MULTILINE)


def test_trace_goes_through_and_is_created(start):
    env = start("env")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert env.get("/", Traceparent=trace).variables["Http_Traceparent"] == trace
    created = env.get("/", Traceparent="nonsense").variables["Http_Traceparent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", created)
