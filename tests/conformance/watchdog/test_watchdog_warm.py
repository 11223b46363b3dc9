"""warm=N: processes that have started before the request comes."""

from __future__ import annotations

import os
import re

import pytest

from tests.conformance.watchdog.watchdog_driver import alive, eventually

# Says when it started by its number, then works like cat.
WORKER = "echo $$ >> {log}; cat"


@pytest.fixture
def warm(start, script, tmp_path):
    """A watchdog with a pool, and the numbers of the processes started so far."""
    log = tmp_path / "pids"
    log.touch()

    def warm(text=WORKER, **env):
        watchdog = start(script(text.format(log=log)), cgi_headers="false", **{"warm": "2"} | env)
        return watchdog, lambda: [int(line) for line in log.read_text().split()]

    return warm


@pytest.mark.parametrize("mode", ["", "streaming", "serializing"])
def test_processes_are_waiting_before_a_request(warm, mode):
    watchdog, pids = warm(mode=mode)
    eventually("two processes wait", lambda: len(pids()) == 2)

    assert watchdog.call(body="hello").text == "hello"
    assert watchdog.call(body=b"x" * 1_000_000).body == b"x" * 1_000_000
    assert watchdog.get("/").text == ""


def test_pool_is_filled_again(warm):
    watchdog, pids = warm()
    for count in range(2, 8):
        eventually(f"{count} processes have been started", lambda: len(pids()) == count)  # noqa: B023
        watchdog.call(body="x")

    eventually("two wait again", lambda: len([pid for pid in pids() if alive(pid)]) == 2)


def test_pool_is_no_larger_than_the_limit_of_calls(warm):
    watchdog, pids = warm(warm="9", max_inflight="1")
    eventually("a process waits", lambda: len(pids()) == 1)

    assert watchdog.call(body="x").text == "x"


def test_process_that_died_while_waiting_is_not_used(warm):
    watchdog, pids = warm()
    eventually("two processes wait", lambda: len(pids()) == 2)
    for pid in pids():
        os.kill(pid, 9)
        eventually("it is dead", lambda: not alive(pid))  # noqa: B023

    assert watchdog.call(body="x").text == "x"


def test_failing_and_late_processes_are_answered_for_as_ever(warm):
    failing, _ = warm("cat; exit 3")
    late, _ = warm("cat; sleep 60", exec_timeout="300ms")

    assert (failing.call(body="x").status, failing.call(body="x").text) == (500, "exit status 3\nx")
    assert late.call(body="x").status == 408


def test_waiting_processes_leave_with_the_watchdog(warm):
    watchdog, pids = warm(healthcheck_interval="0")
    eventually("two processes wait", lambda: len(pids()) == 2)

    watchdog.terminate()

    assert watchdog.exit_code() == 0
    assert not [pid for pid in pids() if alive(pid)]


def test_command_that_cannot_be_started(start):
    watchdog = start("nosuchbin", warm="2", cgi_headers="false")

    assert watchdog.call().status == 500
    eventually("it is logged", lambda: re.search("in advance: .*nosuchbin", watchdog.log) is not None)
