"""Search for faults at random, for a limited time: property tests, requests to the REST API, Go fuzz targets.

    python scripts/fuzz.py [--seconds 300] [--seed N]

The seed is printed; the same seed makes the same inputs in the Python parts. Go's fuzzer takes no seed: it writes the
input that failed to testdata/fuzz, and `go test` runs it from then on. A finding becomes a test.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WATCHDOG = ROOT / "runtime" / "watchdog"
API = "tests/integration/gateway/test_gateway_schema.py"


def run(words: list[str], folder: Path, environment: dict[str, str]) -> bool:
    """Whether a command succeeded; what it prints is shown."""
    print(f"$ {' '.join(words)}", flush=True)
    return subprocess.run(words, cwd=folder, env={**os.environ, **environment}, check=False).returncode == 0


def properties(seed: int, seconds: float) -> list[str]:
    """Run the property tests with one seed after another until the time is up."""
    files = [
        path for path in (ROOT / "tests").rglob("test_*.py") if re.search(r"^from hypothesis", path.read_text(), re.M)
    ]
    names = sorted(str(path.relative_to(ROOT)) for path in files)
    end = time.monotonic() + seconds
    while True:
        command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}", *names]
        if not run(command, ROOT, {"FAAS_FUZZ_SEED": str(seed)}):
            return [f"property tests: make fuzz FUZZ_SEED={seed}"]
        if time.monotonic() > end:
            return []
        seed += 1


def requests(seed: int, seconds: float) -> list[str]:
    """Send a gateway requests made from the description it serves."""
    environment = {"FAAS_FUZZ_SEED": str(seed), "FAAS_FUZZ_SECONDS": str(max(1, round(seconds)))}
    ok = run([sys.executable, "-m", "pytest", "-q", API], ROOT, environment)
    return [] if ok else [f"requests: make fuzz FUZZ_SEED={seed}"]


def watchdog(seconds: float) -> list[str]:
    """Run each Go fuzz target for its share of the time."""
    found = [
        (path.parent, name)
        for path in sorted(WATCHDOG.rglob("*_test.go"))
        for name in re.findall(r"^func (Fuzz\w+)", path.read_text(), re.M)
    ]
    share = f"{max(1, round(seconds / len(found)))}s"
    failed = []
    for folder, name in found:
        command = [
            "go",
            "test",
            "-run=^$",
            f"-fuzz=^{name}$",
            f"-fuzztime={share}",
            f"./{folder.relative_to(WATCHDOG)}",
        ]
        if not run(command, WATCHDOG, {"GOTOOLCHAIN": "local"}):
            failed.append(f"{name}: see testdata/fuzz in {folder.relative_to(ROOT)}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300, help="time for all parts together")
    parser.add_argument("--seed", type=int, default=None, help="seed of an earlier search")
    options = parser.parse_args()
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"seed {seed}: the same inputs again with `make fuzz FUZZ_SEED={seed}`", flush=True)
    share = options.seconds / 3
    failed = properties(seed, share) + requests(seed, share) + watchdog(share)
    for line in failed:
        print(f"found: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
