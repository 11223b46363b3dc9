"""schemathesis against a running gateway: requests right and wrong, made from the description it serves. The same
requests every time; `make fuzz` sends others, for as long as it is given.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED = os.environ.get("FAAS_FUZZ_SEED", "")
AMOUNT = (
    ["--seed", SEED, "--max-time", os.environ["FAAS_FUZZ_SECONDS"]] if SEED else ["--seed", "1", "--max-examples", "5"]
)


@pytest.fixture
def schemathesis(missing):
    """The command, of this environment or on the path."""
    found = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return found or missing("schemathesis", "pip install schemathesis")


@pytest.mark.timeout(3600)
def test_nothing_answers_other_than_described(gateway, schemathesis, tmp_path):
    """No request is a 500, whatever is in it; no status and no body is missing from the description."""
    gateway.deploy("echo")
    gateway.update("echo", envVars={"LEVEL": "2"})
    phases = ["--phases", "examples,coverage,fuzzing", "--generation-database", "none", *AMOUNT]
    # An update waits for every replica, and the last number asked for may be a thousand of them.
    options = ["-H", f"Authorization: {gateway.authorization()}", "--checks", CHECKS, "--request-timeout", "300"]

    done = subprocess.run(
        [schemathesis, "run", f"{gateway.url}/openapi.json", *options, *phases],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    made = re.search(r"([\d,]+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert made is not None
    assert int(made[1].replace(",", "")) > 500
    assert gateway.ask("GET", "/healthz").status == 200
    print(made[0])
