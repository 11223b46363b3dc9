"""`faas template test`: every built-in template works, and the failing step of another one is reported."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def faas(tmp_path):
    """Run a command in an empty project; returns exit code, data and messages."""

    def run(*arguments):
        cli = [sys.executable, "-c", "from faas_cli.cli import main; main()"]
        done = subprocess.run([*cli, *arguments], cwd=tmp_path, capture_output=True, timeout=300, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def test_templates_that_work(faas, tmp_path, tmp_path_factory, monkeypatch):
    """Every step is reported, and no temporary file is left behind."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    code, output, errors = faas("template", "test", "python", "python-http", "--output", "json")
    assert code == 0, errors
    steps = [(each["template"], each["step"], each["passed"]) for each in json.loads(output)]
    expected = ["read", "scaffold", "build", "start", "call"]
    assert steps == [(name, step, True) for name in ("python", "python-http") for step in expected]
    assert list(tmp_path.iterdir()) == []
    assert list(temporary.glob("faas-template-test-*")) == []


BREAKAGES = {
    "read": ("template.yml", "fprocess: ["),
    "build": ("{{cookiecutter.folder}}/handler_test.py", "raise SystemExit(1)\n"),
    "start": ("index.py", "raise SystemExit(3)\n"),
    "call": ("{{cookiecutter.folder}}/handler.py", "def handle(event, context):\n    raise RuntimeError('on fire')\n"),
}


@pytest.mark.parametrize("step", BREAKAGES)
def test_a_template_that_does_not(faas, tmp_path, step):
    """The failing step is the last one reported, with its reason; the exit code is 1."""
    mine = tmp_path / "template" / "mine"
    assert faas("template", "new", "mine", "--from", "python-http")[0] == 0
    name, content = BREAKAGES[step]
    (mine / name).write_text(content)
    if step == "call":
        (mine / name).with_name("handler_test.py").unlink()
    code, output, errors = faas("template", "test", "--timeout", "3s")
    assert code == 1
    last = output.splitlines()[-1].split()
    assert last[:3] == ["mine", step, "FAIL"], output + errors
    assert "1 of 1 templates failed: mine" in errors


def test_nothing_to_try(faas):
    """Neither a name nor a folder of templates."""
    code, _, errors = faas("template", "test")
    assert code == 2
    assert "there is no template" in errors
