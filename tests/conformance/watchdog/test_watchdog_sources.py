"""The Go sources: formatted, vetted, their own tests pass."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.conformance.watchdog.watchdog_driver import SOURCE


@pytest.mark.parametrize(
    "command", [["gofmt", "-l", "."], ["go", "vet", "./..."], ["go", "test", "./..."]], ids=lambda c: " ".join(c[:2])
)
def test_sources(tool, command):
    go = os.path.dirname(tool("go"))
    env = {**os.environ, "PATH": f"{go}{os.pathsep}{os.environ['PATH']}", "GOTOOLCHAIN": "local"}

    result = subprocess.run(command, cwd=SOURCE, env=env, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    if command[0] == "gofmt":
        assert result.stdout == ""


def test_only_the_standard_library_is_used():
    assert "require" not in (SOURCE / "go.mod").read_text()


def test_every_variable_is_documented(binary):
    """The reference page lists what `-help` lists, and nothing else."""
    text = subprocess.run([binary, "-help"], env={}, capture_output=True, text=True).stdout
    helped = re.findall(r"^  (\w+) +\w", text.partition("Environment")[2], re.MULTILINE)
    page = (SOURCE.parents[1] / "docs" / "watchdog.md").read_text()
    section = page.partition("## Variables")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == helped
