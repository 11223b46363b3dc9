"""Starting, being refused, being healthy, draining and leaving."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import (
    MEASURED,
    alive,
    eventually,
    free_port,
    read_all,
    read_pid,
    settings_of_function,
)


def run(binary, *arguments, **env):
    return subprocess.run(
        [binary, *arguments],
        env=MEASURED | {"PATH": os.environ["PATH"]} | env,
        capture_output=True,
        text=True,
        timeout=15,
    )


@pytest.mark.parametrize("flag", ["-version", "--version", "-v"])
def test_version(binary, flag):
    result = run(binary, flag)

    assert (result.returncode, result.stdout) == (0, "")
    assert len(result.stderr.splitlines()) == 1


def test_help_lists_variables_with_defaults_and_values(binary):
    result = run(binary, "-help", read_timeout="7s")

    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert any("read_timeout " in line and "(30s); = 7s" in line for line in lines)
    assert any("fprocess " in line for line in lines)


def test_unknown_flag(binary):
    result = run(binary, "-nonsense")

    assert result.returncode == 2
    assert result.stderr == "fwatchdog: flag provided but not defined: -nonsense; see fwatchdog -help\n"


def test_healthcheck_follows_the_lock_file(start, binary):
    watchdog = start("cat")
    folder = str(watchdog.folder)

    healthy = run(binary, "-run-healthcheck", TMPDIR=folder)
    watchdog.lock.unlink()
    sick = run(binary, "--run-healthcheck", TMPDIR=folder)

    assert (healthy.returncode, healthy.stdout + healthy.stderr) == (0, "")
    assert (sick.returncode, len(sick.stderr.splitlines())) == (1, 1)


def test_healthcheck_without_a_lock_file_asks_the_watchdog(start, binary):
    watchdog = start("cat", suppress_lock="true")
    env = {"suppress_lock": "true", "TMPDIR": str(watchdog.folder)}

    assert run(binary, "-run-healthcheck", port=str(watchdog.port), **env).returncode == 0
    assert run(binary, "-run-healthcheck", port=str(free_port()), **env).returncode == 1


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({}, "fprocess"),
        ({"fprocess": "cat", "mode": "bogus"}, "streaming, serializing, http, static"),
        ({"fprocess": "cat", "mode": "HTTP"}, "mode=HTTP"),
        ({"fprocess": "cat", "mode": "afterburn"}, "mode=afterburn"),
        ({"fprocess": "cat", "mode": "http"}, "upstream_url"),
        ({"fprocess": "cat", "mode": "http", "upstream_url": "127.0.0.1:5000"}, "upstream_url"),
        ({"mode": "static", "static_path": ""}, "static_path"),
        ({"fprocess": "cat", "warm": "2"}, "cgi_headers=false"),
        ({"fprocess": "cat", "warm": "2", "mode": "http", "upstream_url": "http://127.0.0.1:1"}, "warm"),
        ({"fprocess": "cat", "jwt_auth": "true", "OPENFAAS_NAME": "fn"}, "OPENFAAS_NAMESPACE"),
        ({"fprocess": "cat", "jwt_auth": "true", "OPENFAAS_NAMESPACE": "ns"}, "OPENFAAS_NAME"),
        (
            {
                "fprocess": "cat",
                "jwt_auth": "true",
                "OPENFAAS_NAMESPACE": "ns",
                "OPENFAAS_NAME": "fn",
                "jwt_auth_authority": "http://127.0.0.1:1",
            },
            "token authority",
        ),
    ],
)
def test_start_is_refused_in_one_line(binary, tmp_path, env, named):
    result = run(binary, TMPDIR=str(tmp_path), metrics_port="off", port=str(free_port()), **env)

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert named in result.stderr


def test_port_that_is_taken(binary, tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run(binary, fprocess="cat", port=port, metrics_port="off", TMPDIR=str(tmp_path))

    assert result.returncode == 1
    assert port in result.stderr
    assert not (tmp_path / ".lock").exists()


def test_metrics_port_that_is_taken(binary, tmp_path):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run(binary, fprocess="cat", port=str(free_port()), metrics_port=port, TMPDIR=str(tmp_path))

    assert result.returncode == 2
    assert "metrics_port" in result.stderr


@pytest.mark.parametrize("value", ["off", "0"])
def test_metrics_can_be_off(start, value):
    watchdog = start("cat", metrics_port=value)

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", watchdog.metrics_port)) != 0


def test_lock_file_that_cannot_be_written(binary, tmp_path):
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file" / "below")

    result = run(binary, fprocess="cat", port=str(free_port()), metrics_port="off", TMPDIR=folder)

    assert result.returncode == 2
    assert "lock file" in result.stderr


@pytest.mark.parametrize(
    ("text", "effective"),
    [
        ("10", "10s"), ("10s", "10s"), ("500ms", "500ms"), ("1m30s", "1m30s"), ("1h", "1h0m0s"), ("+7", "7s"),
        ("1.5s", "1.5s"), ("-5", "30s"), ("abc", "30s"), ("1.5", "30s"), ("", "30s"), ("10 s", "30s"), (" 10", "30s"),
        ("1d", "30s"), ("1_000", "30s"), ("0x10", "30s"),
    ],
)  # fmt: skip
def test_durations(start, text, effective):
    log = start("cat", read_timeout=text).log

    assert f"read_timeout {effective}," in log
    assert ("is not a duration" in log) == (effective == "30s" and text != "")


@pytest.fixture
def gated(script, tmp_path):
    """A command that tells that it has begun, and ends when the test wants it to."""
    command = script(f"echo $$ > {tmp_path}/pid; while [ ! -e {tmp_path}/gate ]; do sleep 0.02; done; echo done")
    return command, tmp_path / "pid", tmp_path / "gate"


class Background(threading.Thread):
    """A call whose answer is looked at later; None when the connection broke."""

    def __init__(self, watchdog):
        super().__init__()
        self.watchdog, self.answer = watchdog, None
        self.start()

    def run(self):
        try:
            self.answer = self.watchdog.call()
        except (OSError, ValueError, HTTPException):
            self.answer = None

    def result(self):
        self.join(timeout=20)
        return self.answer


def test_drain(start, gated):
    """Unhealthy at once, still serving for a while, then closed; calls that run are finished."""
    command, pid, gate = gated
    watchdog = start(command, healthcheck_interval="1s", write_timeout="10s")
    running = Background(watchdog)
    read_pid(pid)

    watchdog.terminate()
    eventually("the lock file goes", lambda: not watchdog.lock.exists())
    assert watchdog.get("/_/health").status == 503
    assert watchdog.get("/_/ready").status == 503
    late = Background(watchdog)

    def refused():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", watchdog.port)) != 0

    eventually("the port closes", refused)
    assert watchdog.process.poll() is None
    assert "http_requests_in_flight 2" in watchdog.metrics()
    gate.touch()
    assert (running.result().text, late.result().text) == ("done\n", "done\n")
    assert watchdog.exit_code() == 0


def test_drain_without_an_interval_leaves_at_once(start, gated):
    command, pid, gate = gated
    watchdog = start(command, healthcheck_interval="0", write_timeout="10s")
    running = Background(watchdog)
    read_pid(pid)

    watchdog.terminate()
    eventually("the lock file goes", lambda: not watchdog.lock.exists())
    gate.touch()

    assert running.result().text == "done\n"
    assert watchdog.exit_code() == 0


def test_idle_watchdog_leaves_with_a_connection_open(start):
    watchdog = start("cat", healthcheck_interval="0")
    with watchdog.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.recv(10000)
        watchdog.terminate()
        assert watchdog.exit_code() == 0


def test_calls_that_outlast_the_drain_are_cut_and_their_processes_killed(start, gated):
    command, pid, _ = gated
    watchdog = start(command, healthcheck_interval="0", write_timeout="1s")
    running = Background(watchdog)
    number = read_pid(pid)

    watchdog.terminate()

    assert watchdog.exit_code() == 0
    assert running.result() is None or running.result().status in (408, 500)
    eventually("the process is killed", lambda: not alive(number))


def test_second_sigterm_ends_the_waiting(start):
    watchdog = start("cat", healthcheck_interval="60s")
    watchdog.terminate()
    eventually("it drains", lambda: not watchdog.lock.exists())

    watchdog.terminate()

    assert watchdog.exit_code() == 0


def test_sigint_ends_it_at_once(start):
    watchdog = start("cat")

    watchdog.process.send_signal(signal.SIGINT)

    assert watchdog.exit_code() == -signal.SIGINT


def test_watchdog_killed_outright_takes_its_processes_along(start, gated):
    command, pid, _ = gated
    watchdog = start(command)
    running = Background(watchdog)
    number = read_pid(pid)

    watchdog.process.kill()

    assert running.result() is None
    eventually("the process is killed", lambda: not alive(number))


def variables_of_children(pid):
    """The environments of a process's children, as they were started."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return [Path(f"/proc/{child}/environ").read_text() for child in children]


@pytest.mark.parametrize("owner", ["", "0", "own"])
@pytest.mark.parametrize("mode", ["fork", "http"])
def test_socket_can_be_passed(binary, tmp_path, owner, mode):
    """As service managers do it: the listening socket is descriptor 3."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        env = {"PATH": os.environ["PATH"], "LISTEN_FDS": "1", "fprocess": "env", "metrics_port": "off"}
        env |= {"TMPDIR": str(tmp_path), "port": "1", "healthcheck_interval": "0"}
        if mode == "http":
            env |= settings_of_function()
        shell = {"": "", "0": "LISTEN_PID=0 ", "own": "export LISTEN_PID=$$; "}[owner]
        process = subprocess.Popen(
            ["sh", "-c", f"{shell} exec {binary}"],
            env=env,
            preexec_fn=lambda: os.dup2(listener.fileno(), 3),
            pass_fds=[3],
            stderr=subprocess.DEVNULL,
        )
    try:

        def answer():
            with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return read_all(connection)

        eventually("the function answers", lambda: b" 200 OK" in answer().partition(b"\r\n")[0])
        assert b"LISTEN_" not in answer()
        started = variables_of_children(process.pid)
        assert len(started) == (mode == "http")
        assert not any("LISTEN_" in text for text in started)
    finally:
        process.terminate()
        assert process.wait(timeout=15) == 0
