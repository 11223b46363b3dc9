"""A disk that is full, for real: the store is in a file system of two megabytes, in name spaces of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import missing

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
STACK = """provider: {name: openfaas, gateway: http://127.0.0.1:1}
functions:
  fn: {lang: python, handler: ./fn, image: "fn:latest"}
"""
SCRIPT = """
mount -t tmpfs -o size=2m none small || exit 99
export FAAS_STATE_DIR="$PWD/small/state"
"$0" -c 'from faas_cli.cli import main; main()' build -f stack.yml --builder oci
code=$?
find small -name 'tmp*' -type f >&2
exit $code
"""


def test_the_store_is_full(tmp_path, tool):
    """One line and what to do; nothing half-written is left."""
    tool("python3")
    for folder in ("small", "fn"):
        (tmp_path / folder).mkdir()
    (tmp_path / "fn/handler.py").write_text("def handle(req):\n    return req\n")
    (tmp_path / "stack.yml").write_text(STACK)
    # Who is root already may mount; anybody else becomes it in a name space.
    user = ["--user", "--map-root-user"] if os.getuid() else []
    done = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", SCRIPT, sys.executable],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        missing("a user name space", "sysctl kernel.unprivileged_userns_clone=1")
    assert done.returncode == 1
    *_, error, hint = done.stderr.splitlines()
    assert error == "faas: `fn` cannot be built: No space left on device"
    assert hint == f"  hint: free disk space for `{tmp_path}/small/state`, or set `FAAS_STATE_DIR` to another folder"
