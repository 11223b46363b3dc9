"""Settings of a real gateway: from flags, environment and `gateway.toml`, as `faas gateway config` shows them."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def state(tmp_path):
    """A state directory."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def faas(tmp_path, state):
    """Runs the command line with this state directory; the gateway is stopped afterwards."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FAAS_GATEWAY_")},
        "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
        "OPENFAAS_CONFIG": str(tmp_path / "config"),
        "FAAS_STATE_DIR": str(state),
        "OPENFAAS_STORE": "",
    }

    def run(*arguments, **variables):
        command = [sys.executable, "-c", "from faas_cli.cli import main; main()", *arguments]
        return subprocess.run(
            command, env={**environment, **variables}, capture_output=True, text=True, timeout=90, check=False
        )

    yield run
    run("gateway", "stop")


def rows(faas, *arguments):
    """What `faas gateway config` prints, by setting."""
    done = faas("gateway", "config", "--output", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def answer_to_half_a_head(url):
    """What the gateway sends to a client that stops in the middle of a request head."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as client:
        client.sendall(b"GET / HT")
        return client.makefile("rb").readline()


def test_each_source_is_used_and_shown(faas, state):
    """The running gateway keeps what it was started with; a restart reads the file again and keeps the flags."""
    file = state / "gateway.toml"
    file.write_text('metrics_port = 0\nhead_timeout = "300ms"\nidle_timeout = "30s"\n')
    started = faas("gateway", "start", "--port", "0", "--max-headers", "50", FAAS_GATEWAY_WRITE_TIMEOUT="9s")
    assert started.returncode == 0, started.stderr
    url = started.stdout.split()[1]

    found = rows(faas)
    assert (found["max_headers"]["value"], found["max_headers"]["origin"]) == (50, "--max-headers")
    assert found["write_timeout"] == {
        "name": "write_timeout",
        "value": "9s",
        "source": "environment",
        "origin": "FAAS_GATEWAY_WRITE_TIMEOUT",
    }
    assert (found["idle_timeout"]["value"], found["idle_timeout"]["origin"]) == ("30s", f"{file}:3")
    assert found["read_timeout"]["source"] == "default"
    assert answer_to_half_a_head(url).startswith(b"HTTP/1.1 408")

    file.write_text('metrics_port = 0\nidle_timeout = "20s"\n')
    assert rows(faas)["idle_timeout"]["value"] == "30s"
    assert faas("gateway", "restart", "--workers", "2").returncode == 0
    found = rows(faas)
    assert (found["idle_timeout"]["value"], found["head_timeout"]["source"]) == ("20s", "default")
    assert (found["max_headers"]["source"], found["workers"]["value"]) == ("flag", 2)
    assert found["write_timeout"]["value"] == "9s"

    file.write_text("idle_timeout = 'soon'\n")
    refused = faas("gateway", "restart")
    assert refused.returncode == 1
    assert (
        f"the restart failed, nothing changed: {file}:1: setting `idle_timeout`: `soon` is not a duration"
        in refused.stderr
    )
    assert faas("gateway", "status").stdout.splitlines()[0].split()[-1] == url


def test_a_wrong_file_stops_the_start(faas, state):
    """With one line that names file, line and key; the table shows what a start would take."""
    (state / "gateway.toml").write_text("\nidle_timeot = 3\n")
    done = faas("gateway", "start")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        f"faas: {state}/gateway.toml:2: unknown setting `idle_timeot`",
        "  hint: did you mean `idle_timeout`?",
    ]
    (state / "gateway.toml").unlink()
    assert rows(faas, "--port", "9000")["port"] == {
        "name": "port",
        "value": 9000,
        "source": "flag",
        "origin": "--port",
    }
    assert re.search(r"^idle_timeout +1m ", faas("gateway", "config").stdout, re.MULTILINE)


@pytest.mark.parametrize("command", ["start", "run"])
def test_an_open_gateway_on_a_public_address(faas, state, command):
    """It is refused wherever host and authentication were set, until it is confirmed."""
    (state / "gateway.toml").write_text('auth = false\nhost = "0.0.0.0"\n')
    done = faas("gateway", command)
    assert (done.returncode, "give `--no-auth` twice" in done.stderr) == (2, True)
    direct = subprocess.run(
        [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", state],
        env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (direct.returncode, "everybody who can reach this machine" in direct.stderr) == (1, True)
