"""Rows of the contract that no other file shows: settings and their defaults, requests, signals, counters.

`contract_rows.py` lists all of them, and the test that shows each.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import DEADLINE, MEASURED, Watchdog, eventually, free_port, seen

SCRIPTS = {
    "mix": "echo out-text; echo err-text >&2",
    "ex3": "echo out-text; echo err-text >&2; exit 3",
    "long": "head -c 200000 /dev/zero | tr '\\0' x >&2; printf unfinished >&2",
}


def request(line, *headers, body=None):
    """A request on a connection that ends with its answer."""
    lines = [f"{line} HTTP/1.1", "Host: fn.example:1234", "Connection: close", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines) + "\r\n\r\n" + (body or "")


# Settings, request, and what the answer begins with, holds and lacks. {mix} and its like are the scripts above.
CASES = {
    "children-inherit-settings": (
        {"fprocess": "env", "max_inflight": "3"},
        request("GET /"),
        "200",
        ["\nfprocess=env\n", "\nmax_inflight=3\n", "\nport="],
        [],
    ),
    "write-timeout-0": ({"fprocess": "cat", "write_timeout": "0"}, request("GET /"), "200", [], []),
    "write-timeout-0-streaming": (
        {"fprocess": "cat", "write_timeout": "0s", "mode": "streaming"},
        request("GET /"),
        "200",
        [],
        [],
    ),
    "negative-timeouts-are-none": (
        {"fprocess": "cat", "read_timeout": "-5s", "write_timeout": "-1s", "exec_timeout": "-1s"},
        request("GET /"),
        "200",
        [],
        [],
    ),
    "max-inflight-unreadable": ({"fprocess": "cat", "max_inflight": "abc"}, request("GET /"), "200", [], []),
    "max-inflight-negative": ({"fprocess": "cat", "max_inflight": "-1"}, request("GET /"), "200", [], []),
    "empty-alias-hides-nothing": ({"fprocess": "echo fp", "function_process": ""}, request("GET /"), "200", ["fp"], []),
    "alias-without-a-mode": ({"function_process": "echo fp"}, request("GET /"), "200", ["fp"], []),
    "mode-empty": ({"fprocess": "cat", "mode": ""}, request("OPTIONS /"), "405", [], ["Allow:"]),
    "cgi-headers-other-text": ({"fprocess": "env", "cgi_headers": "no"}, request("GET /"), "200", [], ["Http_"]),
    "cgi-headers-1": ({"fprocess": "env", "cgi_headers": "1"}, request("GET /"), "200", ["Http_Method=GET"], []),
    "cgi-headers-with-a-mode": (
        {"fprocess": "env", "cgi_headers": "false", "mode": "serializing"},
        request("GET /"),
        "200",
        [],
        ["Http_"],
    ),
    "combine-output-other-text": (
        {"fprocess": "{mix}", "combine_output": "no"},
        request("GET /"),
        "200",
        ["out-text"],
        ["err-text"],
    ),
    "combine-output-off-on-failure": (
        {"fprocess": "{ex3}", "combine_output": "false"},
        request("POST /"),
        "500",
        ["exit status 3\nout-text\n"],
        ["err-text", "X-Duration-Seconds"],
    ),
    "forced-type-not-on-errors": (
        {"fprocess": "{ex3}", "content_type": "x/y"},
        request("POST /", "Content-Type: a/b"),
        "500",
        ["Content-Type: text/plain; charset=utf-8\r\n"],
        [],
    ),
    "forced-type-wins": (
        {"fprocess": "cat", "content_type": "x/y"},
        request("POST /", "Content-Type: a/b", body="{}"),
        "200",
        ["Content-Type: x/y\r\n"],
        ["a/b"],
    ),
    "marshal-keeps-environment": (
        {"fprocess": "env", "marshal_request": "true"},
        request("POST /", body="hello"),
        "200",
        ["Http_Content_Length=5\n", "Http_Method=POST\n"],
        [],
    ),
    "marshal-without-environment": (
        {"fprocess": "env", "marshal_request": "true", "cgi_headers": "false"},
        request("POST /", body="hello"),
        "200",
        [],
        ["Http_"],
    ),
    "all-headers-exported": (
        {"fprocess": "env"},
        request("GET /", "Authorization: a", "Cookie: c", "User-Agent: u", "X-Empty:"),
        "200",
        ["Http_Authorization=a\n", "Http_Cookie=c\n", "Http_User_Agent=u\n", "Http_Connection=close\n", "X_Empty=\n"],
        [],
    ),
    "request-trailers-not-exported": (
        {"fprocess": "env"},
        request("POST /", "Trailer: X-Sum", "Transfer-Encoding: chunked") + "2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n",
        "200",
        ["Http_Transfer_Encoding=chunked\n"],
        ["X_Sum=42"],
    ),
    "host-of-absolute-target": (
        {"fprocess": "env"},
        request("GET http://other.example/x"),
        "200",
        ["Http_Host=other.example\n", "Http_Path=/x\n"],
        [],
    ),
    "length-header-cannot-be-posed": (
        {"fprocess": "env"},
        request("GET /", "ContentLength: 999"),
        "200",
        ["Http_ContentLength=0\n"],
        [],
    ),
    "encoded-slashes-stay": ({"fprocess": "env"}, request("GET /a%2F%2Fb"), "200", ["Http_Path=/a//b\n"], []),
    "redirect-of-get-has-a-link": ({"fprocess": "cat"}, request("GET //foo"), "307", ['<a href="/foo">'], []),
    "redirect-of-post-is-empty": ({"fprocess": "cat"}, request("POST //foo"), "307", ["\r\n\r\n"], ["<a"]),
    "h2c-is-not-acted-upon": (
        {"fprocess": "cat"},
        request("GET /", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
        "200",
        [],
        [],
    ),
    "http-1.2-is-1.1": ({"fprocess": "cat"}, request("GET /").replace("HTTP/1.1", "HTTP/1.2"), "200", [], []),
    "connect-is-unknown": (
        {"fprocess": "cat"},
        "CONNECT foo:80 HTTP/1.1\r\nHost: foo:80\r\nConnection: close\r\n\r\n",
        "404",
        ["404 page not found\n", "X-Content-Type-Options: nosniff\r\n"],
        [],
    ),
    "unsupported-coding": (
        {"fprocess": "cat"},
        request("POST /", "Transfer-Encoding: gzip, chunked"),
        "501",
        ["nsupported transfer encoding"],
        [],
    ),
    "chunked-wins-over-length": (
        {"fprocess": "cat"},
        request("POST /", "Content-Length: 3", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
        "200",
        ["\r\n\r\nhello"],
        [],
    ),
    "log-callid-unreadable": (
        {"fprocess": "cat", "mode": "serializing", "log_callid": "nonsense"},
        request("GET /"),
        "200",
        ["X-Duration-Seconds: 0."],
        ["Server:"],
    ),
    "serializing-slow-body": (
        {"fprocess": "cat", "mode": "serializing", "read_timeout": "300ms"},
        request("POST /", "Content-Length: 10") + "abc",
        "500",
        ["i/o timeout"],
        [],
    ),
    "serializing-type-on-failure": (
        {"fprocess": "{ex3}", "mode": "serializing", "content_type": "a/b"},
        request("POST /"),
        "500",
        ["Content-Type: a/b\r\n", "\r\n\r\nexit status 3", "X-Duration-Seconds: "],
        ["out-text"],
    ),
    "serializing-head": (
        {"fprocess": "cat", "mode": "serializing"},
        request("HEAD /", body="abc"),
        "200",
        ["Content-Length: 3\r\n"],
        ["\r\n\r\nabc"],
    ),
    "streaming-body-breaks-off": (
        {"fprocess": "cat", "mode": "streaming"},
        request("POST /", "Content-Length: 10") + "",
        "400",
        [],
        [],
    ),
    "streaming-nul-in-the-path": ({"fprocess": "env", "mode": "streaming"}, request("GET /a%00b"), "500", [], []),
    "streaming-x-timeout": (
        {"fprocess": "sleep 60", "mode": "streaming"},
        request("GET /", "X-Timeout: 200ms"),
        "504",
        [],
        [],
    ),
    "streaming-write-timeout": (
        {"fprocess": "sleep 60", "mode": "streaming", "write_timeout": "300ms"},
        request("GET /"),
        "504",
        [],
        [],
    ),
    "serializing-write-timeout": (
        {"fprocess": "sleep 60", "mode": "serializing", "write_timeout": "300ms"},
        request("GET /"),
        "500",
        ["signal: killed"],
        [],
    ),
    "log-buffer-size-unreadable": (
        {"fprocess": "cat", "mode": "streaming", "log_buffer_size": "abc"},
        request("GET /"),
        "200",
        [],
        [],
    ),
    "unknown-variables-are-ignored": (
        {"fprocess": "cat", "read_debug": "true", "log_call_id": "true"},
        request("GET /"),
        "200",
        [],
        [],
    ),
}


@pytest.fixture
def scripts(tmp_path):
    """Each script's command by its name."""
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.sh").write_text(text)
    return {name: f"sh {tmp_path}/{name}.sh" for name in SCRIPTS}


@pytest.mark.parametrize("name", CASES)
def test_case(start, scripts, name):
    settings, text, status, held, lacked = CASES[name]
    settings = {key: value.format(**scripts) for key, value in settings.items()}

    # Half closing says that a body will not go on; a client that does so while a call runs would end the call.
    answer = start(**settings).raw(text, finish=name == "streaming-body-breaks-off").decode()

    assert answer.split()[1] == status
    assert [each for each in held if each not in answer] == []
    assert [each for each in lacked if each in answer] == []


@pytest.mark.parametrize(
    ("settings", "effective"),
    [
        ({}, "read_timeout 30s, write_timeout 30s, exec_timeout 0s, healthcheck_interval 30s"),
        ({"mode": "streaming"}, "read_timeout 30s, write_timeout 30s, exec_timeout 30s, healthcheck_interval 30s"),
        ({"mode": "serializing"}, "mode serializing, read_timeout 30s, write_timeout 30s, exec_timeout 30s"),
        ({"write_timeout": "7"}, "write_timeout 7s, exec_timeout 0s, healthcheck_interval 7s"),
        ({"write_timeout": "7", "healthcheck_interval": "1m30s"}, "healthcheck_interval 1m30s"),
        ({"write_timeout": "abc"}, "write_timeout 30s"),
        ({"exec_timeout": "500ms"}, "exec_timeout 500ms"),
        ({"exec_timeout": "1.5"}, "exec_timeout 0s"),
        ({"exec_timeout": "1.5", "mode": "streaming"}, "exec_timeout 30s"),
        ({"exec_timeout": "0", "mode": "streaming"}, "exec_timeout 0s"),
        ({"healthcheck_interval": "1d"}, "healthcheck_interval 30s"),
        ({"read_timeout": "-5s"}, "read_timeout -5s"),
        ({"max_inflight": "abc"}, "`max_inflight=abc` is not a number of at least 0; using 0"),
        ({"log_buffer_size": "abc"}, "`log_buffer_size=abc` is not a number"),
        ({"suppress_lock": "yes"}, "`suppress_lock=yes` is not true or false; using false"),
        ({"log_format": "xml"}, "`log_format=xml` is not text or json; using text"),
    ],
)
def test_effective_settings_are_logged(start, settings, effective):
    assert effective in start("cat", **settings).log


def test_first_line_of_the_log_is_the_version(start):
    assert re.match(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d fwatchdog \S+: mode fork, ", start("cat").log)


# What `-help` says holds without a setting; the contract's defaults.
DEFAULTS = {
    "port": "8080", "read_timeout": "30s", "write_timeout": "30s", "exec_timeout": "none; 30s with a mode",
    "healthcheck_interval": "write_timeout", "suppress_lock": "false", "max_inflight": "0", "cgi_headers": "true",
    "marshal_request": "false", "combine_output": "true", "write_debug": "false", "debug_headers": "false",
    "http_buffer_req_body": "false", "static_path": "/home/app/public", "prefix_logs": "true",
    "log_buffer_size": "65536", "log_callid": "false", "jwt_auth": "false", "jwt_auth_debug": "false",
    "jwt_auth_local": "false", "TMPDIR": "/tmp", "metrics_port": "8081", "warm": "0", "restart": "false",
    "log_format": "text", "jwt_auth_authority": "http://gateway.openfaas:8080",
}  # fmt: skip


@pytest.fixture(scope="module")
def help_text(binary):
    return subprocess.run([binary, "-h"], env={}, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", DEFAULTS)
def test_default(help_text, name):
    line = next(line for line in help_text.splitlines() if line.startswith(f"  {name} "))

    assert f"({DEFAULTS[name]})" in line


def in_own_network(binary, folder, **env):
    command = ["unshare", "--net"]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us make a network namespace")
    base = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "fprocess": "cat"}
    return subprocess.Popen([*command, binary], env=base | env, stderr=subprocess.DEVNULL)


def listening(pid):
    """Ports on which a process's network has a listener for all addresses."""
    tables = (Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6"))
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    addresses = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {int(port, 16) for address, port in addresses if set(address) == {"0"}}


@pytest.mark.parametrize("env", [{}, {"port": "abc"}, {"port": ""}, {"port": "-1"}, {"metrics_port": "abc"}])
def test_ports_are_8080_and_8081(binary, tmp_path, env):
    process = in_own_network(binary, tmp_path, **env)
    try:
        eventually("it listens on both", lambda: listening(process.pid) == {8080, 8081})
    finally:
        process.kill()
        process.wait()


def test_port_above_all_is_refused(launch):
    watchdog = launch("cat", port="70000")

    assert watchdog.exit_code() == 1
    assert "`port=70000` is not a port" in watchdog.log


def local_addresses():
    """This machine's own address in each family it has."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with suppress(OSError), socket.create_server((address, 0), family=family):
            yield address


def test_both_families_are_listened_on(start):
    watchdog = start("cat")

    for address in local_addresses():
        with socket.create_connection((address, watchdog.port), timeout=DEADLINE) as connection:
            connection.sendall(request("GET /_/health").encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_arguments_stand_in_for_a_missing_command(binary, tmp_path):
    """With `fprocess` they are ignored."""
    for env, text in (({}, "from-arguments\n"), ({"fprocess": "echo from-fprocess"}, "from-fprocess\n")):
        watchdog = Watchdog([binary, "echo", "from-arguments"], tmp_path, env)
        try:
            assert watchdog.wait_until_up().get("/").text == text
        finally:
            watchdog.close()


def test_relative_command_is_found_from_the_working_folder(launch):
    watchdog = launch("./here")
    program = watchdog.folder / "here"
    program.write_text("#!/bin/sh\npwd\n")
    program.chmod(0o755)

    assert watchdog.wait_until_up().get("/").text == f"{watchdog.folder}\n"


def test_binary_is_static(binary):
    """It goes into images without a C library: nothing in its header asks for an interpreter."""
    data = binary.read_bytes()
    offset, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    kinds = {struct.unpack_from("<I", data, offset + size * number)[0] for number in range(count)}

    interpreter = 3
    assert data[:4] == b"\x7fELF"
    assert interpreter not in kinds


@pytest.mark.parametrize(
    ("value", "suppressed"),
    [("true", True), ("1", True), ("TRUE", True), ("false", False), ("0", False), ("yes", False), ("", False)],
)
def test_booleans(start, value, suppressed):
    watchdog = start("cat", suppress_lock=value)
    eventually("it is healthy", lambda: watchdog.get("/_/health").status == 200)

    assert watchdog.lock.exists() != suppressed


@pytest.mark.parametrize(
    ("value", "prefixed"),
    [("1", True), ("t", True), ("True", True), ("nope", True), ("f", False), ("F", False), ("FALSE", False)],
)
def test_prefix_logs_is_on_unless_it_is_turned_off(start, scripts, value, prefixed):
    watchdog = start(scripts["mix"], mode="streaming", prefix_logs=value)

    watchdog.call()

    eventually("it is logged", lambda: (" stderr: err-text\n" if prefixed else "\nerr-text\n") in watchdog.log)


@pytest.mark.parametrize(("size", "whole"), [("-1", True), ("300000", True), ("65536", False), ("50", False)])
def test_long_lines_are_logged_whole_or_in_pieces(start, scripts, size, whole):
    watchdog = start(scripts["long"], mode="streaming", log_buffer_size=size)

    watchdog.call()

    eventually("everything is logged", lambda: "unfinished\n" in watchdog.log)
    assert watchdog.log.count("x") >= 200_000
    assert any(line.count("x") >= 200_000 for line in watchdog.log.splitlines()) == whole


def test_lock_file_is_empty_and_its_folder_is_made(binary, tmp_path):
    folder = tmp_path / "new" / "folder"
    watchdog = Watchdog([binary], tmp_path, {"fprocess": "cat", "TMPDIR": str(folder)})
    try:
        eventually("the lock file is there", (folder / ".lock").exists)
        status = (folder / ".lock").stat()
        assert (status.st_size, stat.S_IMODE(status.st_mode) & 0o117) == (0, 0)
    finally:
        watchdog.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_end_it_at_once_and_leave_the_lock_file(start, number):
    # What these tests ignore, under nohup for instance, whoever they start would ignore as well.
    before = signal.signal(number, lambda *_: None)
    try:
        watchdog = start("cat")
    finally:
        signal.signal(number, before)
    eventually("the lock file is there", watchdog.lock.exists)

    watchdog.process.send_signal(number)

    assert watchdog.exit_code() == -number
    assert watchdog.lock.exists()


def test_healthcheck_needs_no_configuration(binary, tmp_path):
    (tmp_path / ".lock").touch()

    env = {"TMPDIR": str(tmp_path)} | MEASURED
    result = subprocess.run([binary, "-run-healthcheck"], env=env, capture_output=True)

    assert (result.returncode, result.stdout + result.stderr) == (0, b"")


def counted(watchdog):
    return sorted(re.findall(r"^http_requests_total\{(.*)\} (\d+)$", watchdog.metrics(), re.MULTILINE))


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("GET", "get"), ("get", "get"), ("PUT", "put"), ("HEAD", "head"), ("POST", "post"), ("DELETE", "delete"),
        ("OPTIONS", "options"), ("NOTIFY", "notify"), ("TRACE", "trace"), ("PATCH", "patch"), ("FOO", "unknown"),
    ],
)  # fmt: skip
def test_method_label(start, method, label):
    watchdog = start("true", mode="streaming")
    assert counted(watchdog) == []

    watchdog.call(method)

    eventually("it is counted", lambda: counted(watchdog) == [(f'code="200",method="{label}"', "1")])


def test_what_does_not_reach_the_function_is_not_counted(start):
    watchdog = start("env", mode="streaming", ready_path="/ready")

    for text in (
        request("GET /_/health"),
        request("GET /_/ready"),
        request("GET //clean/../up"),
        request("OPTIONS *"),
        request("GET /%zz"),
        "HELLO\r\n\r\n",
    ):
        watchdog.raw(text, finish=text.startswith("HELLO"))
    watchdog.call("PUT")

    eventually("the call is counted", lambda: len(counted(watchdog)) > 0)
    assert counted(watchdog) == [('code="200",method="put"', "1")]


def test_refusals_are_counted(start):
    watchdog = start("sleep 60", max_inflight="1")
    with watchdog.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        eventually("the call runs", lambda: watchdog.get("/_/ready").status == 429)
        watchdog.call("PUT")
        eventually("it is counted", lambda: ('code="429",method="put"', "1") in counted(watchdog))


def test_duration_includes_a_slow_upload(start):
    watchdog = start("cat")
    with watchdog.converse() as talk:
        talk.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert talk.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        talk.file.readline()
        before = time.monotonic()
        for _ in range(20):
            watchdog.metrics()
        elapsed = time.monotonic() - before
        answer = talk.ask("abc")

    assert (answer.text, float(answer.headers["X-Duration-Seconds"]) >= elapsed) == ("abc", True)


@pytest.fixture
def site(start, tmp_path):
    folder = tmp_path / "public"
    (folder / "sub").mkdir(parents=True)
    (folder / "page").write_text("<html><body>x")
    (folder / "style.css").write_text("a {}")
    (folder / "sub" / ".dot").write_text("dot")
    return start(mode="static", static_path=str(folder), content_type="x/y")


@pytest.mark.parametrize(
    ("line", "status", "body", "header"),
    [
        ("GET /page", 200, "<html><body>x", ("Content-Type", "text/html; charset=utf-8")),
        ("GET /style.css", 200, "a {}", ("Content-Type", "text/css; charset=utf-8")),
        ("GET /style.css", 200, "a {}", ("Accept-Ranges", "bytes")),
        ("DELETE /style.css", 200, "a {}", ("Content-Length", "4")),
        ("HEAD /style.css", 200, "", ("Content-Length", "4")),
        ("GET /sub/.dot", 200, "dot", ("Content-Length", "3")),
        ("GET /sub", 301, "", ("Location", "sub/")),
        ("GET /none", 404, "404 page not found\n", ("X-Content-Type-Options", "nosniff")),
    ],
)
def test_static(site, line, status, body, header):
    answer = site.call(*line.split())

    assert (answer.status, answer.text, answer.headers[header[0]]) == (status, body, header[1])
    assert line.split()[1] not in site.log  # these leave no access line


def test_static_folder_may_be_relative(launch):
    watchdog = launch(mode="static", static_path="public")
    (watchdog.folder / "public").mkdir()
    (watchdog.folder / "public" / "a.txt").write_text("a")

    assert watchdog.wait_until_up().get("/a.txt").text == "a"


def test_upstream_is_the_host_for_a_client_that_names_none(function):
    host = dict(seen(function().raw("GET / HTTP/1.0\r\n\r\n"))["headers"])["Host"]

    assert re.fullmatch(r"127\.0\.0\.1:\d+", host)


def test_reason_phrase_is_the_standard_one(function):
    assert function().raw(request("GET /duration")).startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_names_of_headers_are_canonical(function):
    assert b"\r\nX-Openfaas-Internal: of-watchdog\r\n" in function().raw(request("GET /hang-up"))
    assert b"\r\nX-Odd-Name: v\r\n" in function().raw(request("GET /odd"))


def test_encoded_answer_is_passed_on_and_not_sniffed(function):
    answer = function().get("/encoded")

    assert (answer.headers["Content-Encoding"], answer.headers["Content-Type"]) == ("gzip", None)
    assert answer.body == b"<html>"


def test_buffered_request_for_an_event_stream(function):
    answer = function(http_buffer_req_body="1").call(body="hello", Accept="text/event-stream")

    assert seen(answer)["body"] == "hello"


def test_upgraded_call_counts_as_200(function):
    watchdog = function()
    with watchdog.connect() as connection:
        connection.sendall(b"GET /websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")

    eventually("it is counted", lambda: counted(watchdog) == [('code="200",method="get"', "1")])


def test_process_of_mode_http_cannot_read_our_input(launch, tmp_path):
    """Its standard input never says anything; a process that waits for it hinders nobody."""
    program = tmp_path / "reads.sh"
    program.write_text(f"read line; echo $? > {tmp_path}/read; exec sleep 60")

    launch(f"sh {program}", mode="http", upstream_url=f"http://127.0.0.1:{free_port()}").wait_until_up()


@pytest.mark.parametrize("name", ["log_callid", "log_call_id"])
def test_call_id_is_logged_by_the_name_that_works(function, name):
    watchdog = function(**{name: "true"})

    watchdog.get("/x", X_Call_Id="abc-123")

    eventually("the call is logged", lambda: "GET /x - 200 OK" in watchdog.log)
    assert ("[abc-123]" in watchdog.log) == (name == "log_callid")
