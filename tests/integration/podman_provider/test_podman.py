"""The Docker engine's tests on Podman: a quick part of them, or with FAAS_PODMAN=all (minutes) most of them."""

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest

from faas_cli.errors import FaasError
from faas_cli.registry.engine import push_from_engine
from faas_runtime.core.errors import Invalid
from tests.gateways import ROOT, wait_for
from tests.integration.docker_provider.test_docker_provider import test_secrets_are_files_and_nothing_else
from tests.integration.docker_provider.test_under_load import free_port

pytestmark = pytest.mark.integration

if os.environ.get("FAAS_PODMAN") == "all":
    from tests.integration.docker_provider.test_docker_failures import *  # noqa: F403
    from tests.integration.docker_provider.test_docker_logs import *  # noqa: F403
    from tests.integration.docker_provider.test_docker_provider import *  # noqa: F403

__all__ = ["test_secrets_are_files_and_nothing_else"]


@pytest.fixture
def plain():
    """Host and port of a server that speaks HTTP without TLS."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_without_tls(world, client, image, plain):
    """A deployment and a push both name Podman's setting that allows it, not Docker's."""

    async def scenario(provider):
        with pytest.raises(Invalid, match=r"cannot be pulled: .*registries\.conf") as caught:
            await provider.deploy(world.deployment(image=f"{plain}/fn:1"))
        assert plain in str(caught.value)
        assert (await provider.info()).orchestration.startswith("podman ")

    world.run(scenario)
    client.images.get(image).tag(f"{plain}/fn", "1")
    with pytest.raises(FaasError, match="was not pushed") as caught:
        push_from_engine(f"{plain}/fn:1")
    assert "registries.conf" in caught.value.hint


def test_local_run(world, image, tmp_path):
    """`faas local-run` uses the engine that CONTAINER_HOST names, and leaves no container behind."""
    port = free_port()
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn.yml").write_text(
        "version: 1.0\nprovider: {name: openfaas}\nfunctions:\n"
        f"  fn:\n    lang: dockerfile\n    handler: ./fn\n    image: {image}\n"
        "    environment: {GREETING: run, healthcheck_interval: 0s}\n"
    )
    program = "from faas_cli.cli import main; main()"
    command = [sys.executable, "-c", program, "local-run", "fn", "-f", "fn.yml", "--no-build", "-p", str(port)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/runtime"}
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True)

    def answer():
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", b"x", 5) as found:
            return found.read()

    try:
        assert wait_for(answer, 60) == b"run|x|"
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(60)
    assert "fn" not in [each.name for each in world.client.containers.list(all=True)]
