"""An engine that the user's own ssh leads to."""

import os
import sys

import pytest

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.builders.engine import connect, image_id, ping
from faas_cli.images.builders.ssh_engine import socket_to, ssh_command
from faas_cli.images.model import BuildOptions
from faas_cli.stack.model import Provider, Stack
from faas_runtime.core.engine_address import EngineAddress

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def new_socket():
    """Each test looks for ssh by itself."""
    socket_to.cache_clear()


FAR = EngineAddress("ssh://me@far.example", "a test")
# Stands in for ssh and the machine behind it: what would run there runs here, where the same engine is.
SSH = """#!{python}
import os, sys
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
command = sys.argv[sys.argv.index("--") + 2 :]
os.environ.pop("DOCKER_HOST", None)
os.execvp(command[0], command)
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """A command `ssh`; returns the file it writes its arguments to."""
    folder, log = tmp_path / "bin", tmp_path / "ssh.log"
    folder.mkdir()
    (folder / "ssh").write_text(SSH.format(python=sys.executable, log=str(log)))
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def test_it_is_asked_through_ssh(engine, ssh):
    """As the user and the machine that the address names; an answer is the engine's own."""
    assert ping(FAR) == ""
    assert "-l me" in ssh.read_text()
    assert "-- far.example docker system dial-stdio" in ssh.read_text()
    image = connect(engine).images()[0]["Id"]
    assert image_id(FAR, image) == image


def test_a_function_is_built_through_ssh(project, ssh, monkeypatch, capsys):
    """The context goes there, the image is that engine's."""
    monkeypatch.setenv("DOCKER_HOST", FAR.url)
    stack = Stack(provider=Provider(name="openfaas"))
    project.builders = {"docker": choose_builder(BuildOptions(), stack, Console())}
    assert "builder: docker (an engine answers at ssh://me@far.example, DOCKER_HOST)" in capsys.readouterr().err
    project.own("fn", f"FROM debian:stable-slim\nRUN echo {os.urandom(8).hex()}\nCMD cat\n")
    project.built("fn")
    assert image_id(FAR, project.image("fn"))


def test_without_ssh(tmp_path, monkeypatch):
    """What is missing, and how to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", FAR.url)
    with pytest.raises(
        FaasError, match=r"none answers at `ssh://me@far\.example` .*is reached by `ssh`, which is not installed"
    ):
        choose_builder(BuildOptions(builder="docker"), Stack(provider=Provider(name="openfaas")), Console())


def test_a_machine_that_refuses(tmp_path, monkeypatch):
    """One line."""
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'ssh: Could not resolve hostname' >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert ping(FAR)
    assert "\n" not in ping(FAR)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://far", ["--", "far", "docker", "system", "dial-stdio"]),
        ("ssh://me@far:2222", ["-l", "me", "-p", "2222", "--", "far", "docker", "system", "dial-stdio"]),
        ("ssh://far/run/d.sock", ["--", "far", "docker", "--host", "unix:///run/d.sock", "system", "dial-stdio"]),
        (
            "ssh://far/run/podman/podman.sock",
            ["--", "far", "podman", "--url", "unix:///run/podman/podman.sock", "system", "dial-stdio"],
        ),
    ],
)
def test_addresses(url, words):
    """Docker's and Podman's forms."""
    assert ssh_command(url)[4:] == words


def test_an_address_without_a_machine():
    """Refused before ssh is asked."""
    with pytest.raises(FaasError, match="names no host"):
        ssh_command("ssh:///run/d.sock")
