"""The list of the contract's rows: each is shown by a test there is, or by a difference that is written down."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.watchdog.contract_rows import ROWS
from tests.conformance.watchdog.watchdog_driver import SOURCE

HERE = Path(__file__).parent
DIFFERS = "differs: "


@pytest.fixture(scope="module")
def collected():
    """Every test of this folder, as `file::test[case]`, as a contract's row names it."""
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", str(HERE)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE).stdout.splitlines()
    return [found[1] for line in lines if (found := re.search(r"test_watchdog_(\w+\.py::.*)$", line))]


def test_no_row_is_listed_twice():
    assert [name for name, count in Counter(row.id for row in ROWS).items() if count > 1] == []


def test_every_row_is_shown_by_a_test(collected):
    names = [name.replace(".py::", "::") for name in collected]
    tests = [row.shown for row in ROWS if not row.shown.startswith(DIFFERS)]

    assert len(tests) > 200
    assert [test for test in tests if not any(name == test or name.startswith(f"{test}[") for name in names)] == []


def test_differences_and_rows_name_each_other():
    section = (SOURCE.parents[1] / "docs" / "watchdog.md").read_text().partition("## Differences")[2]
    written = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[2:]
    named = [row.shown.removeprefix(DIFFERS) for row in ROWS if row.shown.startswith(DIFFERS)]

    assert len(written) > 30
    assert [text for text in named if not any(line.startswith(text) for line in written)] == []
    assert [line for line in written if not line.startswith(tuple(named))] == []


def test_every_variable_has_a_row(binary):
    text = subprocess.run([binary, "-help"], env={}, capture_output=True, text=True).stdout
    variables = re.findall(r"^  (\w+) +\w", text.partition("Environment")[2], re.MULTILINE)
    rows = {row.id for row in ROWS}

    assert len(variables) > 30
    assert [name for name in variables if f"2.2 {name}" not in rows] == []
