"""A real engine, the base images under their real names, and projects to build."""

import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from faas_cli.errors import FaasError
from faas_cli.images.builders.buildx import BuildxBuilder, find_command
from faas_cli.images.builders.choose import EngineBuilder
from faas_cli.images.builders.engine import find_engine, ping
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import build_functions
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.templates.find import find_template
from faas_cli.templates.scaffold import Scaffold, create
from tests.conftest import missing
from tests.gateways import build_watchdog
from tests.images import make_base_images

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def engine():
    """The engine, its base images made."""
    found = find_engine()
    reason = ping(found)
    if reason:
        missing(f"a container engine ({reason})", "systemctl start docker")
    if shutil.which("docker") is None:
        missing("the `docker` command", "apt-get install docker.io")
    build_watchdog()
    make_base_images.ensure()
    return found


@pytest.fixture(scope="session")
def builders(engine):
    """Both builders by name."""
    try:
        buildx = BuildxBuilder(engine, find_command())
    except FaasError as err:
        missing(f"BuildKit ({err.message})", "apt-get install docker-buildx")
    return {"docker": EngineBuilder(engine), "buildx": buildx}


class Recorder:
    """Records the calls of a reporter; `seen` is set once a step's text holds `until`."""

    def __init__(self, until=""):
        self.steps, self.lines, self.notes, self.events = [], [], [], []
        self.until, self.seen = until, threading.Event()

    def started(self, worker, function): ...

    def finished(self, worker, result): ...

    def ended(self, worker): ...

    def transfer(self, function, text, done, total): ...

    def step(self, function, text):
        self.steps.append(text)
        self.events.append(text)
        if self.until and self.until in text:
            self.seen.set()

    def line(self, function, text):
        self.lines.append(text)
        self.events.append(text)

    def note(self, function, text):
        self.notes.append(text)


class Project:
    """A folder with functions; its images have names of their own and go away with it."""

    def __init__(self, folder, builders):
        self.folder, self.builders = folder, builders
        self.stack = Stack(provider=Provider(name="openfaas"))
        self.prefix = f"faas-test-{uuid.uuid4().hex[:8]}"

    def new(self, name, lang, **settings):
        """A function from a template."""
        create(Scaffold(name, find_template(lang), self.folder / name, self.folder / f"{name}.yml", ""))
        return self.add(name, lang, **settings)

    def own(self, name, dockerfile, files=None, **settings):
        """A function that is a Dockerfile."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "Dockerfile").write_text(dockerfile)
        for path, content in (files or {}).items():
            (folder / path).write_text(content)
        return self.add(name, "dockerfile", **settings)

    def add(self, name, lang, **settings):
        image = f"{self.prefix}/{name}:latest"
        self.stack.functions[name] = Function(name=name, lang=lang, handler=f"./{name}", image=image, **settings)
        return self.folder / name

    def image(self, name):
        return self.stack.functions[name].image

    def build(self, name, builder="docker", report=None, **options):
        """Build one function; returns its result and what was reported."""
        report = report or Recorder()
        function = self.stack.functions[name]
        flags = BuildOptions(builder=builder, **options)
        (result,) = build_functions(self.stack, [function], flags, report, self.builders[builder], self.folder)
        return result, report

    def built(self, name, builder="docker", **options):
        """Build one function, which must work."""
        result, report = self.build(name, builder, **options)
        assert result.error is None, f"{result.error.detail}\n{result.error.message}"
        return report

    def close(self):
        for function in self.stack.functions.values():
            docker("image", "rm", "--force", function.image, check=False)


@pytest.fixture
def project(tmp_path, builders, monkeypatch):
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder, builders)
    yield made
    made.close()


def docker(*arguments, check=True):
    """Run a Docker command; returns what it printed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


class Container:
    """A function's container, as tight as it gets: read-only, without capabilities."""

    def __init__(self, image, *arguments):
        self.id = docker(
            *("run", "--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--publish", "127.0.0.1::8080", *arguments, image),
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        docker("rm", "--force", self.id, check=False)

    def call(self, body=b""):
        """The function's answer to a request, once it listens."""
        end = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://{self._address()}/", data=body, timeout=10) as answer:
                    return answer.read()
            except urllib.error.HTTPError as err:
                if err.code != 503 or time.monotonic() > end:
                    raise AssertionError(f"{err.code} {err.read()!r}\n{self.log()}") from err
            except (OSError, urllib.error.URLError) as err:
                running = docker("inspect", "--format", "{{.State.Running}}", self.id) == "true"
                if not running or time.monotonic() > end:
                    raise AssertionError(f"{err}\n{self.log()}") from err
            time.sleep(0.05)

    def log(self):
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def _address(self):
        return docker("port", self.id, "8080").splitlines()[0]


@pytest.fixture
def run():
    """Start a container of an image: `with run(image) as container`."""
    return Container
