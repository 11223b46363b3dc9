"""Images with compiled packages, built without an engine, run by a real engine on the base they name."""

import contextlib
import functools
import json
import subprocess
import uuid

import pytest

from faas_cli.images import toolchains
from faas_cli.registry.push import Push
from faas_cli.templates.find import find_template
from faas_runtime.core.interpreters import default_python, find_python, python_minor
from tests.images import make_base_images
from tests.integration.build.test_oci import Project
from tests.integration.docker_build.conftest import docker
from tests.registries import serve_registry

pytestmark = pytest.mark.integration

PYTHON_HANDLER = """\
import sys

import numpy
import orjson


def handle(req):
    total = int(numpy.arange(int(req)).sum())
    return orjson.dumps({"total": total, "python": "%d.%d" % sys.version_info[:2]}).decode()
"""
NODE_HANDLER = """\
const sharp = require('sharp')
const { hashSync, verifySync } = require('@node-rs/bcrypt')

module.exports = async (input) => {
  const image = { width: 3, height: 2, channels: 3, background: input }
  const png = await sharp({ create: image }).png().toBuffer()
  const { width, height } = await sharp(png).metadata()
  return JSON.stringify({ width, height, verified: verifySync('secret', hashSync('secret', 4)) })
}
"""


@pytest.fixture(scope="module")
def registry(engine, tmp_path_factory, missing):
    """A registry that needs no password; the engine may use it without TLS, since it is on this machine."""
    with serve_registry(tmp_path_factory.mktemp("registry"), missing) as address:
        yield address


@pytest.fixture
def images():
    """Names of images to remove from the engine at the end."""
    names = []
    yield names
    docker("image", "rm", "--force", *names, check=False)


@contextlib.contextmanager
def provide_base(name, content, environment):
    """A stand-in for a base image in the registry, not in the engine."""
    make_base_images.IMAGES[name] = (content, environment)
    make_base_images.make(name)
    docker("push", "--quiet", name)
    docker("image", "rm", name)
    yield name
    docker("image", "rm", "--force", name, check=False)


def from_base(project, template, standard, base):
    """Give the project its own copy of a template, with another base."""
    folder = project.folder / "template" / template
    folder.mkdir(parents=True)
    for path in find_template(template).folder.iterdir():
        if path.is_file():
            (folder / path.name).write_text(path.read_text().replace(standard, base))


def push_and_pull(project, image, tmp_path, images):
    """Build without the engine, push without it, and have the engine pull."""
    (function,) = project.stack.functions.values()
    function.image = image
    (result,), report = project.build()
    assert result.error is None, f"{result.error.detail}\n{result.error.message}"
    Push(project.store, tmp_path / "cache", image).run()
    images.append(image)
    docker("pull", "--quiet", image)
    return report


@pytest.fixture(scope="module")
def python_base(registry, missing):
    """A base with another version of Python than `python3` of this machine, and that version."""
    mine = python_minor(default_python())
    found = {minor: find_python(minor) for minor in ("3.13", "3.12", "3.14", "3.10") if minor != mine}
    minor, program = next(((minor, path) for minor, path in found.items() if path), ("", ""))
    if not program:
        missing("a second version of Python", "uv python install 3.13")
    content = functools.partial(make_base_images.python, program=program)
    environment = {"LD_LIBRARY_PATH": "/usr/local/lib", "PYTHONHOME": "/usr/local"}
    with provide_base(f"{registry}/python:{minor}-slim", content, environment) as base:
        yield base, minor


@pytest.mark.parametrize("here", [False, True], ids=["missing here", "also here"])
def test_python_packages_on_the_base_they_were_fetched_for(
    registry, python_base, run, images, tmp_path, monkeypatch, here
):
    """With the base's version of Python on this machine, or without it, compiled packages run on the base."""
    base, minor = python_base
    if not here:
        monkeypatch.setattr(toolchains, "find_python", lambda minor: "")
    toolchains.find_toolchain.cache_clear()
    project = Project(tmp_path / "project", tmp_path / "state")
    folder = project.new("fn", "python")
    from_base(project, "python", "python:3.13-slim", base)
    (folder / "handler.py").write_text(PYTHON_HANDLER)
    (folder / "handler_test.py").unlink()
    (folder / "requirements.txt").write_text("orjson==3.10.12\nnumpy==2.1.3\n")
    report = push_and_pull(project, f"{registry}/fn:{uuid.uuid4().hex}", tmp_path, images)
    assert ("installing dependencies for this machine, to test it" in report.steps) != here
    with run(project.stack.functions["fn"].image) as container:
        assert json.loads(container.call(b"10")) == {"total": 45, "python": minor}
    toolchains.find_toolchain.cache_clear()


def test_node_addons_on_the_base_they_were_fetched_for(registry, run, images, tmp_path, tool):
    """sharp and @node-rs/bcrypt, on a base with this machine's C library."""
    tool("node")
    project = Project(tmp_path / "project", tmp_path / "state")
    folder = project.new("fn", "node")
    dependencies = {"sharp": "0.33.5", "@node-rs/bcrypt": "1.10.7"}
    (folder / "package.json").write_text(json.dumps({"name": "fn", "dependencies": dependencies}))
    (folder / "handler.js").write_text(NODE_HANDLER)
    (folder / "handler.test.js").unlink()
    major = subprocess.check_output(["node", "--version"], text=True).removeprefix("v").split(".")[0]
    with provide_base(f"{registry}/node:{major}-slim", make_base_images.node, {}) as base:
        from_base(project, "node", "node:22-alpine", base)
        push_and_pull(project, f"{registry}/fn:{uuid.uuid4().hex}", tmp_path, images)
    with run(project.stack.functions["fn"].image) as container:
        assert json.loads(container.call(b"red")) == {"width": 3, "height": 2, "verified": True}
