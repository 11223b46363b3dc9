"""`faas provider serve`, and `faas gateway start` in front of it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.gateways import ROOT, build_watchdog

FAAS = [sys.executable, "-c", "from faas_cli.cli import main; main()"]


@pytest.fixture
def environment(tmp_path):
    """A user with nothing yet."""
    return {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"}


@pytest.fixture
def faas(environment):
    """Runs `faas` with arguments."""

    def run(*arguments):
        return subprocess.run([*FAAS, *arguments], env=environment, capture_output=True, text=True, timeout=60)

    return run


def test_a_gateway_is_started_in_front_of_a_provider(faas, environment, tmp_path, wait_for):
    build_watchdog()
    state = tmp_path / "provider"
    provider = subprocess.Popen([*FAAS, "provider", "serve", "--port", "0", "--state-dir", str(state)], env=environment)
    try:
        wait_for((state / "gateway.json").exists)
        url = json.loads((state / "gateway.json").read_text())["url"]
        start = ("gateway", "start", "--port", "0", "--metrics-port", "0", "--state-dir", str(tmp_path / "gateway"))

        refused = faas(*start, "--provider-url", url)
        assert refused.returncode == 1
        assert "does not accept the user and password given for it" in refused.stderr
        assert "hint: name the folder" in refused.stderr

        started = faas(*start, "--provider-url", url, "--provider-secrets-dir", str(state))
        assert started.returncode == 0, started.stderr
        try:
            address = started.stdout.split()[1]
            assert "name:          faas-process" in faas("version", "-g", address).stdout
            assert "remote" in faas("gateway", "status", "--state-dir", str(tmp_path / "gateway")).stdout
        finally:
            assert faas("gateway", "stop", "--state-dir", str(tmp_path / "gateway")).returncode == 0
    finally:
        provider.send_signal(signal.SIGTERM)
        assert provider.wait(30) == 0
    assert not (state / "gateway.json").exists()


def test_a_provider_takes_its_account_from_files(environment, tmp_path, wait_for):
    (tmp_path / "basic-auth-user").write_text("me\n")
    (tmp_path / "basic-auth-password").write_text("mine\n")
    state = tmp_path / "provider"
    options = ("--port", "0", "--state-dir", str(state), "--secrets-dir", str(tmp_path))
    provider = subprocess.Popen([*FAAS, "provider", "serve", *options], env=environment)
    try:
        wait_for((state / "gateway.json").exists)
        url = json.loads((state / "gateway.json").read_text())["url"]
        request = urllib.request.Request(f"{url}/system/functions", headers={"Authorization": "Basic bWU6bWluZQ=="})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == b"[]"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/system/functions", timeout=10)
        assert not (state / "basic-auth-password").exists()
    finally:
        provider.send_signal(signal.SIGTERM)
        assert provider.wait(30) == 0


def test_a_provider_for_everybody_must_be_asked_for_twice(faas):
    refused = faas("provider", "serve", "--no-auth", "--host", "0.0.0.0")

    assert refused.returncode == 2
    assert "everybody who can reach this machine could run programs on it" in refused.stderr
