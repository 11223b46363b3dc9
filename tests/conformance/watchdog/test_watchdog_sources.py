"""The Go sources depend on nothing, and their page lists every variable."""

from __future__ import annotations

import re
import subprocess

from tests.conformance.watchdog.watchdog_driver import SOURCE


def test_only_the_standard_library_is_used():
    assert "require" not in (SOURCE / "go.mod").read_text()


def test_every_variable_is_documented(binary):
    """The reference page lists what `-help` lists, and nothing else."""
    text = subprocess.run([binary, "-help"], env={}, capture_output=True, text=True).stdout
    helped = re.findall(r"^  (\w+) +\w", text.partition("Environment")[2], re.MULTILINE)
    page = (SOURCE.parents[1] / "docs" / "watchdog.md").read_text()
    section = page.partition("## Variables")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == helped
