"""All built-in templates, built by a real engine from their generated Dockerfiles, with both builders."""

import json
import re
import subprocess
import tarfile
import uuid

import pytest

from faas_cli.templates.find import find_template
from tests.integration.docker_build.conftest import docker

pytestmark = pytest.mark.integration

TEMPLATES = ["go", "go-http", "node", "node-http", "python", "python-http"]
GREETING = {"go": "Go", "node": "Node", "python": "Python"}
HANDLERS = {"go": "handler.go", "node": "handler.js", "python": "handler.py"}


def cached(report, command):
    """Whether a command's result was taken from an earlier build, by the build's own words."""
    (at,) = [number for number, text in enumerate(report.events) if command in text and " RUN " in text]
    step = report.events[at]
    mark = f"CACHED {step[: step.find(']') + 1]}"
    return "Using cache" in report.events[at + 1] or mark in report.events


def layers(image):
    """Digest and size of every layer."""
    digests = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    history = docker("history", "--human=false", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}", image)
    steps = [line.partition(" ") for line in reversed(history.splitlines())]
    # An instruction that only says something makes no layer.
    sizes = [int(size) for size, _, text in steps if int(size) or "WORKDIR" in text]
    return dict(zip(reversed(digests), reversed(sizes), strict=False))


@pytest.mark.parametrize("builder", ["docker", "buildx"])
@pytest.mark.parametrize("lang", TEMPLATES)
def test_builds_runs_and_keeps_its_dependencies(project, run, lang, builder):
    """It answers without a writable root or any capability; an edit of the handler leaves the dependency step alone."""
    family = lang.removesuffix("-http")
    folder = project.new("fn", lang)
    project.built("fn", builder)
    user, health = docker(
        "image", "inspect", "--format", "{{.Config.User}} {{json .Config.Healthcheck.Test}}", project.image("fn")
    ).split(" ", 1)
    assert user == "1000"
    assert health == '["CMD","/usr/bin/fwatchdog","--run-healthcheck"]'
    with run(project.image("fn")) as container:
        assert container.call(b"test").strip().decode() == f"Hello, {GREETING[family]}. You said: test"
        docker("exec", container.id, "/usr/bin/fwatchdog", "--run-healthcheck")

    before = layers(project.image("fn"))
    # New each time: the engine remembers the builds of earlier runs.
    words = f"You wrote {uuid.uuid4().hex}"
    for path in (folder / HANDLERS[family], *folder.glob("*test*")):
        path.write_text(path.read_text().replace("You said", words))
    report = project.built("fn", builder)
    recipe = find_template(lang).recipe
    assert cached(report, " ".join(recipe.dependencies.run.split()[:3])), report.events
    assert not cached(report, " ".join(recipe.test.run.split()[:3])), report.events
    if family != "go":
        assert 0 < sum(size for layer, size in layers(project.image("fn")).items() if layer not in before) < 64 * 1024
    with run(project.image("fn")) as container:
        assert f"{words}: test".encode() in container.call(b"test")


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_build_without_changes_is_the_same_image(project, builder):
    """And it says so."""
    project.new("fn", "node")
    first, _ = project.build("fn", builder)
    second, _ = project.build("fn", builder)
    assert not first.outcome.cached
    assert second.outcome.cached
    assert first.outcome.digest == second.outcome.digest


def test_what_is_in_the_image_of_a_go_function(project, tmp_path):
    """Watchdog, handler, account, certificates; not 300 KB more than the two programs."""
    project.new("fn", "go")
    project.built("fn")
    archive = tmp_path / "image.tar"
    container = docker("create", project.image("fn"))
    try:
        docker("export", "--output", str(archive), container)
    finally:
        docker("rm", container)
    # The engine's own mount points are in every export.
    engines = re.compile(r"\.dockerenv|dev(/.*)?|proc|sys|etc/(hostname|hosts|resolv\.conf|mtab)")
    with tarfile.open(archive) as members:
        files = {each.name: each for each in members if not engines.fullmatch(each.name)}
    assert sorted(name for name, each in files.items() if each.isfile()) == [
        "etc/group",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "home/app/handler",
        "usr/bin/fwatchdog",
    ]
    assert files["tmp"].mode & 0o7777 == 0o1777
    assert all(each.uid == 0 for each in files.values())
    programs = files["home/app/handler"].size + files["usr/bin/fwatchdog"].size
    size = int(docker("image", "inspect", "--format", "{{.Size}}", project.image("fn")))
    assert size <= programs + 300_000


def test_labels_say_where_it_comes_from(project):
    """Source, revision and time by git, without the password in the address; the version is the tag."""
    project.new("fn", "node")
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "Begin"],
        ["git", "remote", "add", "origin", "https://me:secret@example.com/x.git"],
    ):
        subprocess.run(command, cwd=project.folder, check=True)
    project.built("fn", labels={"team": "a b"})
    read = '{{index .Config.Labels "%s"}}'
    names = ("revision", "source", "version", "title")
    form = "|".join([*(read % f"org.opencontainers.image.{name}" for name in names), read % "team"])
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.folder, capture_output=True, text=True).stdout
    found = docker("image", "inspect", "--format", form, project.image("fn"))
    assert found == f"{revision.strip()}|https://example.com/x.git|latest|fn|a b"


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_a_failing_test_names_function_line_and_step(project, builder):
    """And its own output is there."""
    folder = project.new("fn", "python")
    handler = folder / "handler.py"
    handler.write_text(handler.read_text().replace("{req}", "nothing"))
    result, _ = project.build("fn", builder)
    lines = (project.folder / "build/fn/Dockerfile").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if "unittest discover" in line)
    assert f"`fn` cannot be built: `build/fn/Dockerfile` line {number}: `RUN " in result.error.message
    assert "exit code 1" in result.error.message
    assert "AssertionError" in result.error.detail
    assert "\n" not in result.error.message


@pytest.mark.parametrize("builder", ["docker", "buildx"])
def test_go_that_is_not_formatted_is_refused(project, builder):
    """gofmt names the file."""
    folder = project.new("fn", "go")
    handler = folder / "handler.go"
    handler.write_text(handler.read_text() + "\nvar   x = 1\n")
    result, _ = project.build("fn", builder)
    assert "gofmt" in result.error.message
    assert "function/handler.go" in result.error.detail


def test_build_arguments_and_packages_reach_the_steps(project):
    """Shown by a step that needs them."""
    project.new("fn", "python")
    result, _ = project.build("fn", build_args={"ADDITIONAL_PACKAGE": "no-such-package"})
    # The stand-in has no package manager; the attempt with the name is what is to be seen.
    assert "RUN if command -v apk" in result.error.message
    assert "ARG ADDITIONAL_PACKAGE" in (project.folder / "build/fn/Dockerfile").read_text()


def test_shrinkwrap_writes_what_is_built(project, run):
    """`docker build` of the folder gives the same function."""
    project.new("fn", "node-http")
    project.built("fn", shrinkwrap=True)
    context = project.folder / "build/fn"
    present = {path.name for path in context.iterdir()}
    assert present >= {"Dockerfile", "function", "index.js", "template.yml", ".faas"}
    assert "Dockerfile.j2" not in present
    docker("build", "--quiet", "--tag", project.image("fn"), str(context))
    with run(project.image("fn")) as container:
        assert container.call(b"x") == b"Hello, Node. You said: x"
