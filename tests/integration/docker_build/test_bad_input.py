"""What a person reads when a build cannot work: one line each."""

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from faas_cli.console import Console
from faas_cli.errors import BuildError, FaasError
from faas_cli.images.build import build_all
from faas_cli.images.builders.buildx import BuildxBuilder
from faas_cli.images.builders.choose import CompositeBuilder, EngineBuilder, choose_builder
from faas_cli.images.builders.engine import find_engine, ping
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import refusals
from faas_cli.stack.model import Function, Provider, Stack
from faas_runtime.core.engine_address import EngineAddress
from tests.integration.docker_build.conftest import Recorder, docker

pytestmark = pytest.mark.integration

STACK = Stack(provider=Provider(name="openfaas", gateway="http://127.0.0.1:8080"))


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_base_image_that_is_missing(project, builder):
    """The image's name and the line are there."""
    project.own("fn", "# a\n\nFROM 127.0.0.1:1/no/such:image\nCMD x\n")
    result, _ = project.build("fn", builder)
    assert result.error.message.startswith("`fn` cannot be built: ")
    assert "127.0.0.1:1" in result.error.message
    assert "\n" not in result.error.message


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_dockerfile_that_is_none(project, builder):
    """With its own place and line, before the engine sees it."""
    project.own("fn", "FROM scratch\n\nFROBNICATE x\n")
    result, _ = project.build("fn", builder)
    assert result.error.message == "`fn`: fn/Dockerfile:3: `FROBNICATE` is not an instruction"


def test_no_dockerfile(project):
    """The folder is named."""
    project.own("fn", "").joinpath("Dockerfile").unlink()
    result, _ = project.build("fn")
    assert result.error.message == "`fn`: there is no `Dockerfile` in `fn`"


def test_no_command(project):
    """Nothing could answer a request."""
    project.own("fn", "FROM debian:stable-slim\n")
    result, _ = project.build("fn")
    assert "neither `ENTRYPOINT` nor `CMD`" in result.error.message


@pytest.mark.parametrize(
    "base", ["mcr.microsoft.com/windows/servercore:ltsc2022", "nanoserver", "golang:1.25-nanoserver-ltsc2025"]
)
def test_a_windows_base(project, base):
    """It is refused with its line before anything is built."""
    project.own("fn", f"FROM {base}\nCMD x\n")
    result, report = project.build("fn")
    assert "fn/Dockerfile:1: `" in result.error.message
    assert "is a Windows image" in result.error.message
    assert report.steps == []


def test_a_step_of_ones_own_that_fails(project):
    """The line counts in the file that was built, which shows the injected stage too."""
    project.own("fn", "FROM debian:stable-slim\nRUN true\nRUN exit 7\nCMD cat\n")
    result, _ = project.build("fn")
    number = (project.folder / "build/fn/Dockerfile").read_text().splitlines().index("RUN exit 7") + 1
    assert result.error.message == (
        f"`fn` cannot be built: `build/fn/Dockerfile` line {number}: `RUN exit 7`: it ended with exit code 7"
    )


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_no_engine(builder, tmp_path, monkeypatch):
    """Requested by name, the error is one line, with a hint how to start it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(FaasError, match="none answers at") as caught:
        choose_builder(BuildOptions(builder=builder), STACK, Console())
    assert "systemctl start docker" in caught.value.hint


def test_without_an_engine_auto_builds_without(tmp_path, monkeypatch, capsys):
    """And says why."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path))
    assert choose_builder(BuildOptions(), STACK, Console()).name == "oci"
    assert "builder: oci (no container engine answers" in capsys.readouterr().err


def test_with_an_engine_auto_uses_it_unless_the_gateway_runs_processes(engine, tmp_path, monkeypatch, capsys):
    """The gateway's own record decides, and only for the gateway the stack means."""
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path))
    assert isinstance(choose_builder(BuildOptions(), STACK, Console()), EngineBuilder)
    assert "builder: docker (an engine answers" in capsys.readouterr().err
    record = tmp_path / "gateway.json"
    record.write_text(json.dumps({"url": "http://localhost:8080", "engine": "process"}))
    assert isinstance(choose_builder(BuildOptions(), STACK, Console()), CompositeBuilder)
    assert "builder: oci (the gateway at" in capsys.readouterr().err
    for other in (
        {"url": "http://127.0.0.1:9999", "engine": "process"},
        {"url": "http://127.0.0.1:8080", "engine": "docker"},
        [],
    ):
        record.write_text(json.dumps(other))
        assert isinstance(choose_builder(BuildOptions(), STACK, Console()), EngineBuilder)


@pytest.mark.parametrize("with_engine", [False, True])
def test_what_a_gateway_of_processes_cannot_run_is_refused_before_anything_is_built(
    engine, tmp_path, monkeypatch, capsys, with_engine
):
    """A Dockerfile, a template with nothing else, system packages; `local-run` needs no gateway."""
    if not with_engine:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir()
    record = {"url": "http://127.0.0.1:8080", "engine": "process"}
    (tmp_path / "state" / "gateway.json").write_text(json.dumps(record))
    template = tmp_path / "template" / "classic"
    template.mkdir(parents=True)
    (template / "template.yml").write_text("language: x\nfprocess: cat\n")
    (template / "Dockerfile").write_text("FROM scratch\n")
    for name in ("own", "old", "packed", "fine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\nCMD x\n")
    packages = {"ADDITIONAL_PACKAGE": "curl"}
    functions = [
        Function(name="fine", lang="python", handler="./fine", image="fine"),
        Function(name="own", lang="dockerfile", handler="./own", image="own"),
        Function(name="packed", lang="python", handler="./packed", image="packed", build_args=packages),
        Function(name="old", lang="classic", handler="./old", image="old"),
    ]
    with pytest.raises(BuildError) as caught:
        build_all(STACK, functions, BuildOptions(), Console())
    said = capsys.readouterr().err
    assert "`own` is built from a Dockerfile: its image runs in a container only, and the gateway at" in said
    assert "`packed` needs system packages (curl): its image" in said
    assert "`old` is built from the template `classic`, which only has a Dockerfile: its image" in caught.value.message
    assert "faas gateway start --engine docker" in caught.value.hint
    assert not (tmp_path / "build").exists()
    builder = choose_builder(BuildOptions(), STACK, Console(), deployed=False)
    assert len(refusals(STACK, functions, BuildOptions(), builder)) == (0 if with_engine else 3)


def test_a_docker_context_and_podmans_socket_are_found(tmp_path):
    """DOCKER_HOST before the context, the context before sockets."""
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    folder = tmp_path / ".docker"
    key = hashlib.sha256(b"far").hexdigest()
    (folder / "contexts" / "meta" / key).mkdir(parents=True)
    (folder / "contexts" / "meta" / key / "meta.json").write_text(
        json.dumps({"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far.example:2375"}}})
    )
    (folder / "config.json").write_text(json.dumps({"currentContext": "far"}))
    assert find_engine(environment) == EngineAddress("tcp://far.example:2375", "the Docker context `far`")
    assert find_engine({**environment, "DOCKER_HOST": "/x.sock"}) == EngineAddress("unix:///x.sock", "DOCKER_HOST")
    assert find_engine({**environment, "DOCKER_CONTEXT": "default"}).source != "the Docker context `far`"
    with pytest.raises(FaasError, match="`near` does not exist"):
        find_engine({**environment, "DOCKER_CONTEXT": "near"})


def test_a_socket_that_does_not_answer_takes_a_second(tmp_path):
    """No longer."""
    with socket.socket(socket.AF_UNIX) as unanswered:
        unanswered.bind(str(tmp_path / "s"))
        unanswered.listen()
        assert "timed out" in ping(EngineAddress(f"unix://{tmp_path}/s", "a test"), seconds=0.2)


class Relay:
    """Stands between a client and the engine until it is cut, as when the engine dies."""

    def __init__(self, path, engine):
        self.path, self._engine = path, engine
        self._open = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(self._engine.socket)
            self._open += [client, upstream]
            threading.Thread(target=self._copy, args=(client, upstream), daemon=True).start()

    def _copy(self, one, other):
        try:
            while True:
                for ready in select.select([one, other], [], [])[0]:
                    content = ready.recv(65536)
                    if not content:
                        return
                    (other if ready is one else one).sendall(content)
        except (OSError, ValueError):
            return
        finally:
            one.close()
            other.close()

    def cut(self):
        """Close everything and listen no more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.path.unlink()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_the_engine_dies_in_the_middle(project, engine, builders, tmp_path, builder):
    """It is said in one line, soon."""
    relay = Relay(tmp_path / "r.sock", engine)
    through = EngineAddress(f"unix://{relay.path}", "a test")
    made = {
        "docker": lambda: EngineBuilder(through),
        "buildx": lambda: BuildxBuilder(through, builders["buildx"]._command),
    }
    project.builders = {builder: made[builder]()}
    project.own("fn", f"FROM debian:stable-slim\nRUN echo {os.urandom(8).hex()}; sleep 5\nCMD cat\n")
    report = Recorder(until="sleep 5")

    def cut():
        if report.seen.wait(60):
            relay.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    result, _ = project.build("fn", builder, report=report)
    cutter.join()
    assert f"`fn`: the engine at `{through.url}` stopped answering during the build" in result.error.message
    assert "\n" not in result.error.message


def test_a_build_that_is_given_up_ends_at_once(project):
    """Ctrl-C does not wait for a step that says nothing."""
    project.own("fn", f"FROM debian:stable-slim\nRUN echo {os.urandom(8).hex()}; sleep 60\nCMD cat\n")
    report = Recorder(until="sleep 60")

    def give_up():
        if report.seen.wait(60):
            project.builders["docker"].stop()

    stopper = threading.Thread(target=give_up)
    stopper.start()
    result, _ = project.build("fn", report=report)
    stopper.join()
    assert result.error.message == "the build was stopped"
    assert result.seconds < 50


def test_ctrl_c_leaves_no_container_and_no_image(project):
    """The whole command, interrupted in a step: the engine ends the step and removes its container."""
    folder = project.own("fn", f"FROM debian:stable-slim\nRUN echo {project.prefix}; sleep 300\nCMD cat\n")
    stack = project.folder / "stack.yml"
    function = {"lang": "dockerfile", "handler": "./fn", "image": project.image("fn")}
    stack.write_text(json.dumps({"provider": {"name": "openfaas"}, "functions": {"fn": function}}))
    command = [sys.executable, "-c", "from faas_cli.cli import main; main()", "build", "-f", "stack.yml"]
    with subprocess.Popen(
        [*command, "--builder", "docker"], cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: containers_of(project.prefix))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "faas: interrupted"
    until(lambda: not containers_of(project.prefix))
    assert docker("image", "ls", "--quiet", project.image("fn")) == ""


def containers_of(prefix):
    """Containers whose command holds this word, also those that have ended."""
    listed = docker("container", "ls", "--all", "--no-trunc", "--format", "{{.ID}} {{.Command}}")
    return [line for line in listed.splitlines() if prefix in line]


def until(condition):
    """Return once it holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_credential_helper_that_is_not_installed(project, monkeypatch, tmp_path):
    """A build that needs no credentials works, as `docker build` does."""
    (tmp_path / "docker").mkdir()
    config = {"credsStore": "not-there", "credHelpers": {"registry.example": "neither"}}
    (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    folder = project.own("fn", 'FROM scratch\nCOPY Dockerfile /x\nCMD ["/x"]\n')
    assert folder.is_dir()
    result, _ = project.build("fn")
    assert result.error is None
