"""The unit of the gateway, and putting it in its place."""

import shutil
import subprocess
import sys

import pytest

from faas_cli.errors import FaasError
from faas_cli.gateway.install.systemd import UNIT, SystemdService, _quoted


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user's folders."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state dir"))
    return tmp_path


def test_a_users_service(home):
    """It keeps its state where the user's other commands look."""
    lines = SystemdService(False).unit({"engine": "docker", "port": 8081}).splitlines()
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert start.startswith(f"ExecStart={sys.executable} -m faas_runtime.gateway run")
    assert f'--state-dir "{home}/state dir"' in start
    assert "WantedBy=default.target" in lines
    assert "DynamicUser=yes" not in lines


@pytest.mark.parametrize(("engine", "groups"), [("process", 0), ("docker", 1)])
def test_the_systems_service(engine, groups):
    """It has a user of its own, in the engine's group where it needs to be."""
    lines = SystemdService(True).unit({"engine": engine}).splitlines()
    assert "DynamicUser=yes" in lines
    assert lines.count("SupplementaryGroups=docker") == groups


def test_a_unit_follows_the_settings_file(home):
    """What `gateway.toml` sets is not in the command, but decides how long systemd waits for the end."""
    (home / "state dir").mkdir()
    (home / "state dir" / "gateway.toml").write_text('engine = "docker"\nstop_timeout = "2m"\n')
    lines = SystemdService(False).unit({}).splitlines()
    assert "TimeoutStopSec=150" in lines
    assert "--engine" not in next(line for line in lines if line.startswith("ExecStart="))


@pytest.mark.parametrize(
    ("word", "quoted"), [("a", "a"), ("a b", '"a b"'), ("50%", "50%%"), ("$HOME", "$$HOME"), ('"', '"\\""'), ("", '""')]
)
def test_words(word, quoted):
    """As systemd reads them."""
    assert _quoted(word) == quoted


@pytest.mark.parametrize("system", [False, True])
def test_systemd_takes_it(home, missing, system):
    """Its own verifier has nothing to say."""
    if shutil.which("systemd-analyze") is None:
        missing("`systemd-analyze`", "apt-get install systemd")
    file = home / "faas-test.service"
    file.write_text(SystemdService(system).unit({"engine": "docker", "port": 8081}))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if file.name in line]) == (0, [])


def test_systemctl_refuses(home, monkeypatch):
    """The unit is taken away again, and its words are told."""
    commands = home / "bin"
    commands.mkdir()
    (commands / "systemctl").write_text("#!/bin/sh\necho no bus >&2\nexit 1\n")
    (commands / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    with pytest.raises(FaasError, match="daemon-reload") as caught:
        SystemdService(False).install("[Unit]\n")
    assert caught.value.detail == "no bus"
    assert not SystemdService(False).path.exists()


def test_without_systemd(monkeypatch, home):
    """Nothing is written."""
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(FaasError, match="no `systemctl`"):
        SystemdService(False).install("[Unit]\n")
    assert not SystemdService(False).path.exists()


def test_nothing_to_uninstall():
    """Said, and nothing is run."""
    assert SystemdService(False).uninstall() is False
    assert SystemdService(False).path.name == UNIT
