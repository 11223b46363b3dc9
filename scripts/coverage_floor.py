"""What the suites together cover, in percent, and the floor below which CI fails.

    python scripts/coverage_floor.py check  # after `make test COVERAGE=1`
    python scripts/coverage_floor.py raise  # write a floor one percent below what was measured, if that is higher

The floor is in tests/coverage-floor.json; no commit may lower it.
"""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[1]
FLOOR = ROOT / "tests" / "coverage-floor.json"
DATA = ROOT / "build" / "coverage"
GO = ("go/unit", "go/processes")
"""Folders of Go's counters, below DATA: of `go test`, and of watchdogs that other suites started."""


def python_percent() -> float:
    """Statements of the Python packages that ran in any process."""
    found = coverage.Coverage(config_file=str(ROOT / "pyproject.toml"))
    found.combine(keep=True)
    found.save()
    return found.report(file=io.StringIO())


def _is_whole(counters: Path) -> bool:
    """Whether a file of counters has its end, which repeats the magic number of its beginning."""
    content = counters.read_bytes()
    return len(content) > 32 and content[:4] == b"\x00cwm" and content[-16:-12] == b"\x00cwm"


def go_percent() -> float:
    """Statements of the watchdog that ran in any process."""
    folders = ",".join(str(DATA / name) for name in GO if any((DATA / name).glob("cov*")))
    profile = DATA / "go.txt"
    watchdog = ROOT / "runtime" / "watchdog"
    for damaged in (file for name in GO for file in (DATA / name).glob("covcounters.*") if not _is_whole(file)):
        damaged.unlink()  # the process was killed while it wrote
    subprocess.run(["go", "tool", "covdata", "textfmt", f"-i={folders}", f"-o={profile}"], cwd=watchdog, check=True)
    command = ["go", "tool", "cover", f"-func={profile}"]
    done = subprocess.run(command, cwd=watchdog, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1].rstrip("%"))


def earlier_floors() -> list[dict[str, float]]:
    """The floor of every commit that set one, as far back as this clone goes."""
    name = str(FLOOR.relative_to(ROOT))
    log = subprocess.run(
        ["git", "log", "--format=%H", "--", name], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shown = (
        subprocess.run(["git", "show", f"{commit}:{name}"], cwd=ROOT, capture_output=True, text=True, check=False)
        for commit in log.stdout.split()
    )
    return [json.loads(each.stdout) for each in shown if each.returncode == 0]


def main() -> int:
    if sys.argv[1:] not in (["check"], ["raise"]):
        sys.exit(__doc__)
    floor = json.loads(FLOOR.read_text())
    measured = {"python": python_percent(), "go": go_percent()}
    if sys.argv[1] == "raise":
        raised = {name: max(floor[name], math.floor(percent) - 1) for name, percent in measured.items()}
        FLOOR.write_text(json.dumps(raised, indent=2) + "\n")
        print(f"floor: {raised}")
        return 0
    failed = False
    for name, percent in measured.items():
        highest = max([floor[name], *(each[name] for each in earlier_floors())])
        print(f"coverage of {name}: {percent:.1f} % (floor {floor[name]} %)")
        if floor[name] < highest:
            print(f"  the floor was {highest} % before, and only rises")
        failed = failed or percent < highest or floor[name] < highest
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
