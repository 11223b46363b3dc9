"""The compiled proxy, as wheels contain it, passes every case that its sources pass."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUITE = ROOT / "tests" / "conformance" / "proxy"
MIN_CASES = 450
"""Minimum number of cases in the suite: a run that finds none must fail."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, missing):
    """A folder with the runtime, its proxy compiled."""
    if shutil.which("cc") is None or not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        missing("a C compiler for Python's extensions", "apt-get install gcc libc6-dev python3-dev")
    folder = tmp_path_factory.mktemp("compiled")
    script = [sys.executable, str(ROOT / "scripts" / "compile_proxy.py"), str(folder)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def run(folder, *arguments):
    """Run Python with this runtime ahead of the installed one."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=580)


def test_compiled_proxy_passes_every_case(compiled):
    # Compiled coroutines end with a call that Python 3.12 deprecates.
    old = "ignore:the (type, exc, tb) signature of throw:DeprecationWarning"
    done = run(compiled, "-m", "pytest", "-p", "no:cacheprovider", "-W", old, str(SUITE))

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    # The tested modules are the compiled ones.
    module = re.search(r"^proxy: (\S+)$", done.stdout, re.MULTILINE)
    assert module is not None
    assert module[1].startswith(str(compiled))
    assert module[1].endswith(".so")
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= MIN_CASES


def test_sources_run_under_another_python(compiled):
    """Modules compiled for another Python are ignored: the sources run."""
    for path in compiled.rglob("*.so"):
        path.rename(path.with_suffix(".so.other"))
    try:
        done = run(compiled, "-c", "from faas_runtime.gateway.proxy import cycle; print(cycle.__file__)")
        assert done.stdout.strip() == f"{compiled}/faas_runtime/gateway/proxy/cycle.py", done.stderr
    finally:
        for path in compiled.rglob("*.so.other"):
            path.rename(path.with_suffix(""))
