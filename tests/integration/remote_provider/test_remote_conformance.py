"""The gateway's REST contract holds with a remote provider."""

import os
import subprocess
import sys

from tests.gateways import ROOT


def test_the_contract_holds_through_a_provider(gateway, provider):
    provider.add_image("alpine", {"empty": ""}, {"fprocess": "cat"})
    password = (gateway.state / "basic-auth-password").read_text().strip()
    suite = [str(ROOT / "tests/conformance/gateway"), "--gateway", gateway.url, "--password", password]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *suite, "--image", "alpine"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-5000:]
