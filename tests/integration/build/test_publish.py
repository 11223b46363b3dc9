"""`faas publish`: the chosen publisher, and the requests to the plugin buildx."""

import http.server
import json
import os
import socketserver
import sys
import threading

import pytest

from faas_cli.console import Console
from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import prepare
from faas_cli.images.publish import choose_publisher, publish_all
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.templates.find import find_template
from faas_cli.templates.scaffold import Scaffold, create
from faas_runtime.core.paths import host_architecture
from tests.integration.build.test_oci import Recorder

pytestmark = pytest.mark.integration

BOTH = ("linux/amd64", "linux/arm64")
DIGEST = "sha256:" + "a" * 64
# Stands in for the `docker` command with its plugin buildx, which is not on this machine: it records its
# arguments, keeps the one BuildKit it is asked to make, and says of a build what buildx says of one.
DOCKER = """#!{python}
import json, os, pathlib, sys
place = pathlib.Path({place!r})
words = sys.argv[1:]
with open(place / "asked", "a") as log:
    log.write(json.dumps(words) + "\\n")
if words[:2] == ["buildx", "version"]:
    print("github.com/docker/buildx 0.12.0")
elif words[:2] == ["buildx", "inspect"]:
    sys.exit(0 if (place / "made").exists() else 1)
elif words[:2] == ["buildx", "create"]:
    if os.environ.get("NO_CREATE"):
        sys.exit("ERROR: no room for it")
    (place / "made").touch()
elif words[:2] == ["buildx", "build"]:
    print("#5 [build 2/3] RUN false")
    if os.environ.get("FAIL"):
        print("#5 ERROR: process did not complete successfully: exit code: 1")
        sys.exit(1)
    if "--push" not in words:
        if os.environ.get("WRONG") == words[words.index("--platform") + 1]:
            print(" - InvalidBaseImagePlatform: Base image b was pulled with another platform")
        sys.exit(0)
    metadata = pathlib.Path(words[words.index("--metadata-file") + 1])
    metadata.write_text(json.dumps({{"containerimage.digest": {digest!r}}}))
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Stands in for an engine: it answers when asked whether it is there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"OK")

        def address_string(self):
            return "here"

        def log_message(self, *arguments): ...

    path = tmp_path / "e.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield server
        server.shutdown()


@pytest.fixture
def plugin(tmp_path, monkeypatch, engine):
    """A `docker` with buildx; returns what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(DOCKER.format(python=sys.executable, place=str(tmp_path), digest=DIGEST))
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Make a job for both platforms: `job(lang, **options)`."""
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    # Nothing is run for another machine here; which platforms this tree has been compiled for does not matter.
    monkeypatch.setattr("faas_runtime.core.paths.BIN_DIR", tmp_path)
    for architecture in ("amd64", "arm64"):
        (tmp_path / f"fwatchdog-linux-{architecture}").touch()
    folder = tmp_path / "project"
    folder.mkdir()

    def make(lang, **options):
        create(Scaffold("fn", find_template(lang), folder / "fn", folder / "fn.yml", ""))
        function = Function(name="fn", lang=lang, handler="./fn", image="registry.example/acme/fn:1")
        values = {"platforms": BOTH, **options}
        return prepare(Stack(provider=Provider(name="openfaas")), function, BuildOptions(**values), folder)

    return make


def test_what_the_compiler_can_do_needs_no_engine(job, tool):
    """Go, for both platforms; the reason is reported."""
    tool("go")
    report = Recorder()
    assert choose_publisher(job("go"), report).name == "oci"
    assert report.notes == ["builder: oci (local tools can build it for every platform)"]


def test_what_it_cannot_is_built_and_pushed_by_buildx(job, plugin, monkeypatch):
    """In a BuildKit of ours, made once, with every platform and tag."""
    report = Recorder()
    prepared = job("python", labels={"team": "a"}, build_args={"X": "1"})
    publisher = choose_publisher(prepared, report)
    other = "arm64" if host_architecture() == "amd64" else "amd64"
    reason = f"`fn` cannot be built for linux/{other} on this machine without an engine"
    assert report.notes == [f"builder: buildx ({reason})"]
    assert publisher.publish(prepared, ("v2",), report) == DIGEST
    assert publisher.publish(prepared, (), report) == DIGEST
    asked = [words for words in plugin() if words[1] != "version"]
    assert [words[1] for words in asked] == ["inspect", "create", *["build"] * 3, "inspect", *["build"] * 3]
    for words, platform in zip(asked[2:4], BOTH, strict=True):
        assert words[words.index("--platform") + 1] == platform
        assert words[words.index("--output") + 1] == "type=cacheonly"
    assert asked[1][2:4] == ["--name", "faas"]
    build = asked[4]
    assert build[:5] == ["buildx", "build", "--builder", "faas", "--push"]
    assert build[build.index("--platform") + 1] == "linux/amd64,linux/arm64"
    assert [build[at + 1] for at, word in enumerate(build) if word == "--tag"] == [
        "registry.example/acme/fn:1",
        "registry.example/acme/fn:v2",
    ]
    assert {"team=a", "X=1"} <= set(build)
    found = {path.name for path in (prepared.context / ".faas").iterdir()}
    assert {"fwatchdog-amd64", "fwatchdog-arm64"} <= found


def test_a_buildkit_of_the_users_own(job, plugin, monkeypatch):
    """Is used as it is."""
    monkeypatch.setenv("BUILDX_BUILDER", "mine")
    prepared = job("python", builder="buildx")
    report = Recorder()
    assert choose_publisher(prepared, report).publish(prepared, (), report) == DIGEST
    assert report.notes == ["builder: buildx (requested)"]
    builds = [words for words in plugin() if words[1] != "version"]
    assert len(builds) == 3
    assert not any("--builder" in build for build in builds)


def test_a_base_of_another_platform(job, plugin, monkeypatch):
    """BuildKit only warns of it; the build fails, and nothing is pushed."""
    monkeypatch.setenv("WRONG", BOTH[1])
    prepared = job("python", no_cache=True)
    with pytest.raises(BuildError, match="Base image b was pulled with another platform"):
        choose_publisher(prepared, Recorder()).publish(prepared, (), Recorder())
    assert not any("--push" in words for words in plugin())


def test_a_build_that_fails(job, plugin, monkeypatch):
    """The step is in the error, as of any build."""
    monkeypatch.setenv("FAIL", "1")
    prepared = job("python")
    with pytest.raises(BuildError, match=r"`fn` cannot be built: .*exit code 1"):
        choose_publisher(prepared, Recorder()).publish(prepared, (), Recorder())


def test_a_buildkit_that_cannot_be_made(job, plugin, monkeypatch):
    """With its own reason."""
    monkeypatch.setenv("NO_CREATE", "1")
    prepared = job("python")
    with pytest.raises(FaasError, match="failed to create a BuildKit instance: ERROR: no room for it"):
        choose_publisher(prepared, Recorder()).publish(prepared, (), Recorder())


def test_without_the_plugin(job, engine, tmp_path, monkeypatch):
    """Both reasons in one line, and what to install."""
    prepared = job("python")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"without an engine, and BuildKit is missing: ") as caught:
        choose_publisher(prepared, Recorder())
    assert "docker-buildx" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"builder": "docker"}, "cannot publish"),
        ({"builder": "buildx", "squash": True}, "`--squash` is for `--builder docker`"),
        ({"builder": "oci", "pull": True}, "`--pull` is for an engine"),
    ],
)
def test_flags_that_exclude_each_other(job, plugin, tool, options, words):
    """None is ignored in silence."""
    tool("go")
    with pytest.raises(UsageError, match=words):
        choose_publisher(job("go", **options), Recorder())


def test_a_builder_that_was_asked_for_is_not_replaced(job, plugin):
    """`--builder oci` fails where it cannot."""
    with pytest.raises(BuildError, match="without an engine"):
        choose_publisher(job("python", builder="oci"), Recorder())


def test_remarks_of_a_build(job, tool, tmp_path, monkeypatch, capsys):
    """Are printed as `faas build` prints them."""
    tool("go")
    prepared = job("go")
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "project/fn/go.mod").unlink()
    stack = Stack(provider=Provider(name="openfaas"))
    assert publish_all(stack, [prepared.function], BuildOptions(shrinkwrap=True), Console())
    assert "fn: `fn` has no go.mod" in capsys.readouterr().err
