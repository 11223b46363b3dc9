"""Images with compiled packages, for another base than this machine."""

import subprocess
import sys
import tarfile

import pytest

from faas_cli.images import toolchains
from faas_cli.templates.find import find_template
from faas_runtime.core.interpreters import machine_libc, python_minor
from faas_runtime.images.interpreter import LOCAL_LAYER, NEEDS_LABEL, PYTHON_LABEL
from tests.integration.build.test_oci import Project

OTHER = "3.13" if sys.version_info[:2] != (3, 13) else "3.12"
"""A version of Python that is not this machine's."""

HANDLER = "import markupsafe._speedups\n\ndef handle(req):\n    return str(markupsafe.escape(req))\n"
HANDLER_TEST = """\
import unittest
from .handler import handle

class TestHandle(unittest.TestCase):
    def test_escapes(self):
        self.assertEqual(handle("<"), "&lt;")
"""


@pytest.fixture
def project(tmp_path, tool, monkeypatch):
    """A project whose template `python` has a base of another version, which this machine does not have."""
    if python_minor(tool("python3")) == OTHER:
        pytest.skip(f"this machine's python3 is {OTHER}")
    monkeypatch.setattr(toolchains, "find_python", lambda minor: "")
    toolchains.find_toolchain.cache_clear()
    yield Project(tmp_path / "project", tmp_path / "state")
    toolchains.find_toolchain.cache_clear()


def new_python(project, base, requirements, handler=HANDLER, handler_test=HANDLER_TEST):
    folder = project.new("fn", "python")
    (folder / "requirements.txt").write_text(requirements)
    (folder / "handler.py").write_text(handler)
    (folder / "handler_test.py").write_text(handler_test)
    own = project.folder / "template" / "python"
    own.mkdir(parents=True, exist_ok=True)
    for path in find_template("python").folder.iterdir():
        if path.is_file():
            (own / path.name).write_text(path.read_text().replace("python:3.13-slim", base))


def test_a_wheel_for_the_version_of_the_base(project, tmp_path):
    """The image has the base's file; tests and processes of this machine have their own."""
    new_python(project, f"python:{OTHER}-slim", "markupsafe==3.0.2\n")
    (result,), report = project.build()
    assert result.error is None, result.error and result.error.detail
    assert "installing dependencies for this machine, to test it" in report.steps
    assert report.notes == []
    digest = result.outcome.digest
    info = project.store.resolve_digest(digest)
    assert info.labels[PYTHON_LABEL] == OTHER
    assert info.labels[NEEDS_LABEL] == f"glibc python{OTHER}"
    root = project.store.unpack(digest, tmp_path / "roots")
    (library,) = root.rglob("_speedups*.so")
    assert library.name.startswith(f"_speedups.cpython-{OTHER.replace('.', '')}-")
    local = project.store.unpack(digest, tmp_path / "roots", local=True)
    done = subprocess.run(["python3", "index.py"], cwd=local / "home/app", input=b"<", capture_output=True, check=True)
    assert done.stdout == b"&lt;"
    assert LOCAL_LAYER in info.annotations
    # The layer of this machine is part of the result: without it, the function is built again.
    project.store.prune(older_than=0)
    (again,), report = project.build()
    assert again.outcome.cached
    (project.folder / "fn" / "handler.py").write_text(f"{HANDLER}\n# changed\n")
    (again,), report = project.build()
    assert "installing dependencies" not in report.steps


def test_conditions_of_requirements_are_those_of_the_base(project, tmp_path):
    """`; python_version ...` is decided by the base's Python."""
    needed = f'markupsafe==3.0.2; python_version == "{OTHER}"\nno-such-package; python_version != "{OTHER}"\n'
    new_python(project, f"python:{OTHER}-alpine", needed, "def handle(req):\n    return req\n", "")
    (result,), report = project.build()
    assert result.error is None, result.error and result.error.detail
    root = project.store.unpack(result.outcome.digest, tmp_path / "roots")
    (library,) = root.rglob("_speedups*.so")
    assert library.name.endswith("-linux-musl.so")
    # Those of this machine are others, and cannot be installed.
    assert "not checked and not tested" in " ".join(report.notes)


def test_no_wheel_for_the_base(project, tmp_path):
    """A package of sources only is named, with the ways out."""
    source = tmp_path / "packages"
    source.mkdir()
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n")
    with tarfile.open(source / "compiled-1.0.tar.gz", "w:gz") as archive:
        archive.add(source / "PKG-INFO", "compiled-1.0/PKG-INFO")
    new_python(project, f"python:{OTHER}-slim", f"--no-index\n--find-links {source}\ncompiled\n")
    (result,), _ = project.build()
    assert f"there is no wheel of `compiled` for Python {OTHER}, which its base image" in result.error.message
    assert f"install python{OTHER}" in result.error.hint
    assert "--builder docker" in result.error.hint
    assert project.store.references() == {}


def test_a_node_addon_for_the_c_library_of_the_base(tmp_path, tool):
    """The image for Alpine has the addon for musl, the process of this machine its own."""
    tool("node")
    if machine_libc() == "musl":
        pytest.skip("this machine has musl, as the base")
    project = Project(tmp_path / "project", tmp_path / "state")
    folder = project.new("fn", "node")
    (folder / "package.json").write_text('{"name": "fn", "dependencies": {"@node-rs/bcrypt": "1.10.7"}}')
    (folder / "handler.js").write_text(
        "const { hashSync } = require('@node-rs/bcrypt')\nmodule.exports = async (input) => hashSync(input, 4)\n"
    )
    for path in folder.glob("*.test.js"):
        path.unlink()
    (result,), _ = project.build()
    assert result.error is None, result.error and result.error.detail
    names = {}
    for local in (False, True):
        root = project.store.unpack(result.outcome.digest, tmp_path / "roots", local=local)
        names[local] = [path.name.split("-")[-1] for path in root.rglob("*.node")]
    assert names == {False: ["musl.node"], True: ["gnu.node"]}
    done = subprocess.run(["node", "index.js"], cwd=root / "home/app", input=b"secret", capture_output=True, check=True)
    assert done.stdout.startswith(b"$2")
