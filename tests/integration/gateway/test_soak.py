"""The soak of `benchmarks/soak.py`, for seconds instead of minutes."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def soak():
    """The benchmark as a module; it finds its neighbours as a script does."""
    sys.path.append(str(ROOT / "benchmarks"))
    return importlib.import_module("soak")


def test_every_failed_call_has_a_kill(soak, tmp_path, watchdog_binary):
    """It was on the replica, or was sent there before the gateway knew; nothing of the calls is left behind."""
    done = soak.soak_for(20, 60, tmp_path / "state")

    assert done.unexplained == []
    assert set(done.statuses) <= {"200", "502"}
    assert done.statuses["200"] > 200
    assert len(done.kills) > 5
    (_, descriptors, tasks), (_, descriptors_later, tasks_later) = done.usage
    assert descriptors_later <= descriptors + 4
    assert tasks_later <= tasks + 2
