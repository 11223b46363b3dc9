"""`faas gateway start` with a certificate and an access log, as a user would start it."""

import os
import re
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def faas(tmp_path):
    """The command line, with its own home and state directory; gateways it starts are stopped."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
        "FAAS_STATE_DIR": str(tmp_path / "state"),
        "OPENFAAS_CONFIG": str(tmp_path / "config"),
    }

    def run(*arguments):
        command = [sys.executable, "-c", "from faas_cli.cli import main; main()", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    yield run
    run("gateway", "stop")


def test_gateway_serves_https_and_logs_requests(faas, certificate):
    started = faas(
        *("gateway", "start", "--port", "0", "--metrics-port", "0"),
        *("--tls-cert", "proxy.pem", "--access-log", "text"),
    )
    assert started.returncode == 0, started.stderr
    found = re.search(r"https://127\.0\.0\.1:\d+", started.stdout)
    assert found

    trusted = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(f"{found[0]}/healthz?asked=here", context=trusted, timeout=10) as answer:
        assert answer.status == 200
    faas("gateway", "stop")

    assert re.search(r'"GET /healthz\?asked=here" 200 ', faas("gateway", "logs").stdout)


def test_missing_certificate_is_named(faas):
    started = faas("gateway", "start", "--port", "0", "--metrics-port", "0", "--tls-cert", "none.pem")

    assert started.returncode == 1
    assert re.match(r"faas: cannot read the certificate `.*none\.pem`", started.stderr)
