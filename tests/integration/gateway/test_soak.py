"""The soak of `benchmarks/soak.py`, for seconds instead of minutes."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def soak():
    """The benchmark, imported as a module; its imports are those of a script."""
    sys.path.append(str(ROOT / "benchmarks"))
    return importlib.import_module("soak")


def test_every_failed_call_has_a_kill(soak, tmp_path, watchdog_binary):
    """Each failed call was on a killed replica, or was sent there before the gateway detected it; nothing leaks."""
    done = soak.soak_for(20, 60, tmp_path / "state")

    assert done.unexplained == []
    assert set(done.statuses) <= {"200", "502"}
    assert done.statuses["200"] > 200
    assert len(done.kills) > 5
    (_, descriptors, tasks), (_, descriptors_later, tasks_later) = done.usage
    assert descriptors_later <= descriptors + 4
    assert tasks_later <= tasks + 2
