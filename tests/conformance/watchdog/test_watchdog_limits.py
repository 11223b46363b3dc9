"""What the system limits: the function gets the limits we were given, and running out of descriptors is survived."""

from __future__ import annotations

import os
import resource
import select
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import Conversation, Watchdog, eventually, settings_of_function

# Soft limits as an operator sets them: open files, seconds of processor time, KiB of memory.
FILES, CPU, MEMORY = 256, 1000, 8 * 1024 * 1024
SHOW = "cat >/dev/null; echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -St) $(ulimit -Sv)"


@pytest.fixture
def limited(binary, tmp_path):
    """Start a watchdog under the given limits of a shell's `ulimit`."""
    with ExitStack() as stack:

        def limited(limits, **env):
            command = ["sh", "-c", f'{limits} && exec "$0"', binary]
            watchdog = Watchdog(command, tmp_path, env)
            stack.callback(watchdog.close)
            return watchdog.wait_until_up()

        yield limited


def open_files_limit(pid):
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max open files")).split()[3:5]


@pytest.mark.parametrize("mode", ["fork", "streaming", "serializing", "warm", "http"])
def test_function_has_the_soft_limits_we_were_started_with(limited, script, mode):
    """Go raises its own limit of open files when it starts; that is not for the function."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    settings = {
        "fork": {"fprocess": script(SHOW)},
        "streaming": {"fprocess": script(SHOW), "mode": "streaming"},
        "serializing": {"fprocess": script(SHOW), "mode": "serializing"},
        "warm": {"fprocess": script(SHOW), "warm": "2", "cgi_headers": "false"},
        "http": settings_of_function(),
    }[mode]

    watchdog = limited(f"ulimit -Sn {FILES} && ulimit -St {CPU} && ulimit -Sv {MEMORY}", **settings)

    for _ in range(3):
        assert watchdog.call("POST", "/limits").text.split() == [str(each) for each in (FILES, hard, CPU, MEMORY)]
    soft = int(open_files_limit(watchdog.process.pid)[0])
    assert soft >= hard - 1 > FILES


def test_hard_limits_hold_for_everybody(limited, script):
    watchdog = limited("ulimit -n 128", fprocess=script(SHOW))

    assert watchdog.call().text.split()[:2] == ["128", "128"]
    assert open_files_limit(watchdog.process.pid)[1] == "128"


def test_function_that_uses_too_much_time_is_ended(limited, script):
    answer = limited("ulimit -St 1", fprocess=script("while :; do :; done")).call()

    assert (answer.status, answer.text) == (500, "signal: CPU time limit exceeded\n")


def test_function_that_uses_too_much_memory_fails_alone(limited, script):
    program = f"exec {sys.executable} -S -c 'import sys; bytearray(int(sys.stdin.read()))'"
    watchdog = limited(f"ulimit -Sv {MEMORY}", fprocess=script(program))

    assert watchdog.call(body=str(MEMORY * 1024)).status == 500
    assert watchdog.call(body="1000").status == 200


def processor_seconds(pid):
    """What all threads of a process have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_files(watchdog, soft):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.prlimit(watchdog.process.pid, resource.RLIMIT_NOFILE, (min(soft, hard), hard))


@pytest.fixture
def workload(start, function, script, tmp_path):
    """A watchdog in a mode, the target of a call that lasts, that of a quick one, and the answer to it."""
    gate = tmp_path / "gate"

    def workload(mode):
        if mode == "http":
            # No connection to the function is left over for the next call.
            return function(), f"/silence?{gate}", "/close", "bye"
        if mode == "static":
            (tmp_path / "page").write_text("content")
            return start(mode="static", static_path=str(tmp_path)), None, "/page", "content"
        text = f'case "$Http_Path" in /wait) while [ ! -e {gate} ]; do sleep 0.05; done;; esac; printf content'
        return start(script(text), mode="" if mode == "fork" else mode), "/wait", "/quick", "content"

    return workload


def get(target):
    return f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("mode", ["fork", "streaming", "serializing", "http"])
def test_call_without_a_descriptor_left_is_a_503(workload, mode):
    """On a connection that has been taken already; it goes on when there are descriptors again."""
    watchdog, _, quick, text = workload(mode)
    with watchdog.converse() as talk:
        assert talk.ask(get(quick)).text == text

        def starved():
            # What the last call used may be given back only now: then the limit is too high still.
            used = {int(name) for name in os.listdir(f"/proc/{watchdog.process.pid}/fd")}
            limit_files(watchdog, min(set(range(len(used) + 1)) - used))
            return talk.ask(get(quick)).status == 503

        eventually("a call is refused", starved)
        assert starved()
        limit_files(watchdog, 4096)
        assert talk.ask(get(quick)).text == text


@pytest.mark.parametrize("mode", ["fork", "streaming", "serializing", "http", "static"])
def test_connections_above_the_limit_wait_or_are_refused(workload, mode):
    """The watchdog neither ends nor keeps a processor busy, and is as before when the connections go."""
    watchdog, lasting, quick, text = workload(mode)
    pid = watchdog.process.pid
    assert watchdog.get(quick).text == text
    before = len(os.listdir(f"/proc/{pid}/fd"))
    limit_files(watchdog, before + 12)

    with ExitStack() as stack:
        held = [stack.enter_context(watchdog.converse()) for _ in range(40)]
        for talk in held:
            # Where no call lasts, a request that never ends holds the connection.
            talk.send(get(lasting) if lasting else "GET / HTTP/1.1\r\n")
        eventually("nearly all are used", lambda: len(os.listdir(f"/proc/{pid}/fd")) >= before + 9)
        used, begun = processor_seconds(pid), time.monotonic()
        refused = answered(held, 0.5)
        assert processor_seconds(pid) - used < 0.5 * (time.monotonic() - begun)
        assert {talk.answer().status for talk in refused} <= {503}
        assert len(refused) < len(held)
        assert watchdog.process.poll() is None

    eventually("calls are answered again", lambda: watchdog.get(quick).text == text)
    eventually("descriptors come back", lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 2)


def answered(conversations: list[Conversation], seconds):
    """Those on which something comes; the time given is always waited for."""
    deadline, ready = time.monotonic() + seconds, set()
    waiting = {talk.connection: talk for talk in conversations}
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([each for each in waiting if each not in ready], [], [], left)
        ready.update(readable)
    return [waiting[each] for each in ready]
