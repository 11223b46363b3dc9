"""The gateway under test: one given by `--gateway URL`, else one of our own with each engine.

    pytest tests/conformance/gateway --gateway http://127.0.0.1:8080 --user admin --password ... --image IMAGE

IMAGE is any image with a watchdog in it (`ghcr.io/openfaas/alpine:latest` for instance): the tests choose the
process themselves.
"""

import base64
import contextlib
import http.client
import json
import shutil
import subprocess
import uuid
from urllib.parse import urlsplit

import pytest

from faas_runtime.core.paths import watchdog_binary
from tests import swarm
from tests.gateways import Answer, Gateway, build_watchdog, wait_for
from tests.images import make_base_images

BASE = "debian:stable-slim"
IMAGE = f"faas-conformance:{uuid.uuid4().hex[:8]}"


def pytest_addoption(parser):
    parser.addoption("--gateway", help="address of the gateway to test")
    parser.addoption("--user", default="admin")
    parser.addoption("--password", default="")
    parser.addoption("--image", default="alpine", help="an image with a watchdog")


class Target:
    """A client of any OpenFaaS gateway."""

    def __init__(self, url, user, password, image):
        self.url, self.image = url, image
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def ask(self, method, path, body=None, headers=None, auth=True):
        headers = dict(headers or {})
        if auth and path.startswith(("/system", "/ui")):
            headers["Authorization"] = self._authorization
        if isinstance(body, dict | list):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        parts = urlsplit(self.url)
        with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def deploy(self, name, process="cat", method="POST", **more):
        body = {"service": name, "image": self.image, "envProcess": process, "labels": {}, "annotations": {}, **more}
        return self.ask(method, "/system/functions", body)

    def delete(self, name):
        return self.ask("DELETE", "/system/functions", {"functionName": name})

    def status(self, name):
        return self.ask("GET", f"/system/function/{name}?usage=1")

    def wait_ready(self, name, count=1):
        wait_for(lambda: self.status(name).json().get("availableReplicas", 0) >= count, 60)

    def call(self, path, body=b"", method="POST", headers=None):
        return self.ask(method, f"/function/{path}", body, headers)


def pytest_generate_tests(metafunc):
    if "target" in metafunc.fixturenames:
        given = metafunc.config.getoption("--gateway", None)
        metafunc.parametrize(
            "target", ["given"] if given else ["process", "docker", "swarm"], indirect=True, scope="session"
        )


def running(gateway):
    """A gateway of our own, started, and in the end stopped."""
    gateway.state.mkdir(exist_ok=True)
    gateway.start()
    yield gateway
    # Deleted functions are removed once they have drained.
    wait_for(lambda: not containers(), 30)
    gateway.stop()


def containers():
    """What runs of our image, or has run."""
    command = ["docker", "ps", "-aq", "--filter", f"ancestor={IMAGE}"]
    return subprocess.run(command, capture_output=True, text=True).stdout if shutil.which("docker") else ""


@pytest.fixture(scope="session")
def process_gateway(tmp_path_factory):
    """A gateway of our own whose functions are processes."""
    build_watchdog()
    gateway = Gateway(tmp_path_factory.mktemp("conformance") / "state")
    gateway.add_image(IMAGE, {"empty": ""}, {"fprocess": "cat"})
    yield from running(gateway)


@pytest.fixture(scope="session")
def docker_gateway(tmp_path_factory, engine_client):
    """A gateway of our own whose functions are containers."""
    build_watchdog()
    make_base_images.ensure([BASE])
    folder = tmp_path_factory.mktemp("image")
    shutil.copy(watchdog_binary(), folder / "fwatchdog")
    (folder / "Dockerfile").write_text(f'FROM {BASE}\nCOPY fwatchdog /usr/bin/\nENV fprocess=cat\nCMD ["fwatchdog"]\n')
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, str(folder)], check=True, capture_output=True)
    gateway = Gateway(tmp_path_factory.mktemp("conformance") / "state", "--engine", "docker")
    yield from running(gateway)
    subprocess.run(["docker", "image", "rm", "-f", IMAGE], check=True, capture_output=True)


@pytest.fixture(scope="session")
def swarm_gateway(docker_gateway, engine_client, tmp_path_factory, missing):
    """A gateway of our own whose functions are services of a Swarm of one machine; the image is that of Docker's."""
    if (lack := swarm.lacking()) is not None:
        missing(*lack.args)
    cluster = swarm.Cluster(1)
    try:
        cluster.manager.take(IMAGE, engine_client)
        gateway = Gateway(tmp_path_factory.mktemp("conformance") / "state", "--engine", "swarm")
        gateway.state.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", cluster.manager.socket)
            gateway.start()
        yield gateway
        gateway.stop()
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def target(request):
    """The gateway under test."""
    if request.param == "given":
        option = request.config.getoption
        return Target(option("--gateway").rstrip("/"), option("--user"), option("--password"), option("--image"))
    own = request.getfixturevalue(f"{request.param}_gateway")
    password = (own.state / "basic-auth-password").read_text().strip()
    return Target(own.url, "admin", password, IMAGE)


@pytest.fixture
def function(target):
    """Deploys a function under a name of its own, and removes it in the end."""
    names = []

    def deploy(process="cat", name="conformance", **more):
        target.delete(name)
        wait_for(lambda: target.status(name).status == 404, 60)
        answer = target.deploy(name, process, **more)
        assert answer.status in (200, 202), answer
        names.append(name)
        target.wait_ready(name)
        return name

    yield deploy
    for name in names:
        target.delete(name)
