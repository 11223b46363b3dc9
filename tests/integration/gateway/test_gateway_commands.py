"""What the command line shows and changes of a real gateway: queue, versions, traffic, schedules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def faas(gateway, tmp_path):
    """The command line, logged in to the gateway."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
        "OPENFAAS_URL": gateway.url,
        "OPENFAAS_CONFIG": str(tmp_path / "config"),
    }

    def run(*arguments, stdin=None):
        command = [sys.executable, "-c", "from faas_cli.cli import main; main()", *arguments]
        return subprocess.run(
            command, input=stdin, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    password = (gateway.state / "basic-auth-password").read_text()
    logged_in = run("login", "--username", "admin", "--password-stdin", stdin=password)
    assert logged_in.returncode == 0, logged_in.stderr
    return run


def test_a_dead_call_is_seen_replayed_and_its_answer_read(gateway, faas, wait_for):
    gateway.deploy("echo", envProcess="false", annotations={"com.openfaas.retry.attempts": "1"})
    call_id = gateway.ask("POST", "/async-function/echo", b"again").headers["X-Call-Id"]
    wait_for(lambda: call_id in faas("queue", "list", "--state", "dead").stdout)
    assert ["State:", "dead"] in [line.split() for line in faas("queue", "show", call_id).stdout.splitlines()]

    gateway.update("echo")
    assert faas("queue", "replay", call_id).stdout == "Replayed: 1\n"
    wait_for(lambda: faas("queue", "result", call_id).stdout == "again")
    assert "No calls are dead." in faas("queue", "list", "--state", "dead").stderr
    assert faas("queue", "purge", "--state", "done").stdout == "Purged: 1\n"
    unknown = faas("queue", "show", call_id)
    assert (unknown.returncode, "there is no call" in unknown.stderr) == (1, True)


def test_replay_wants_ids_or_all(faas):
    assert faas("queue", "replay").returncode == 2
    assert faas("queue", "replay", "--all").stdout == "Replayed: 0\n"


def test_a_version_is_brought_back(gateway, faas):
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    missing = faas("rollback", "server")
    assert (missing.returncode, "has no earlier version" in missing.stderr) == (1, True)
    gateway.update("server", "server", envVars={"GREETING": "two"})

    listed = faas("rollback", "server", "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["Version", "2*", "1"]
    assert faas("rollback", "server").stdout.startswith("Rolled back: server to version 1 (server@sha256:")
    assert gateway.call("server").text.startswith("one")


def test_calls_are_divided_and_the_canary_promoted(gateway, faas):
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    gateway.update("server", "server", envVars={"GREETING": "two"})

    listed = faas("traffic", "server", "1=40").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["Version", "Share"], ["2*", "60%"], ["1", "40%"]]
    assert '"weight": 40' in faas("traffic", "server", "--output", "json").stdout
    assert faas("traffic", "server", "--promote").stdout.splitlines()[1].startswith("3*       100%")
    assert gateway.call("server").text.startswith("one")

    faas("traffic", "server", "2=100%")
    assert gateway.call("server").text.startswith("two")
    assert faas("traffic", "server", "--end").stdout.splitlines()[1].startswith("3*       100%")
    again = faas("traffic", "server", "--end")
    assert (again.returncode, "has no canary" in again.stderr) == (1, True)


@pytest.mark.parametrize("arguments", [["1"], ["0=5"], ["1=101"], ["1=x"], ["1=5", "--end"]])
def test_traffic_wants_a_version_and_a_share(faas, arguments):
    assert faas("traffic", "server", *arguments).returncode == 2


def test_the_command_line_shows_the_next_run(gateway, faas):
    gateway.deploy("echo")
    assert "NextRun" not in faas("list", "-v").stdout
    assert "Next Run" not in faas("describe", "echo").stdout

    gateway.deploy("daily", "echo", annotations={"topic": "cron-function", "schedule": "30 4 * * *"})
    header, daily, echo = faas("list", "-v").stdout.splitlines()
    assert header.endswith("NextRun")
    assert daily.endswith("T04:30:00Z")
    assert echo.rstrip().endswith("UTC")
    assert "T04:30:00Z" in faas("describe", "daily").stdout
