"""The gateway under test: one given by `--gateway URL`, else one of our own with the process engine.

    pytest tests/conformance/gateway --gateway http://127.0.0.1:8080 --user admin --password ... --image IMAGE

IMAGE is any image with a watchdog in it (`ghcr.io/openfaas/alpine:latest` for instance): the tests choose the
process themselves.
"""

import base64
import contextlib
import http.client
import json
from urllib.parse import urlsplit

import pytest
from gateways import Answer, Gateway, build_watchdog, wait_for


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


@pytest.fixture(scope="session")
def own_gateway(tmp_path_factory):
    """A gateway of our own."""
    build_watchdog()
    state = tmp_path_factory.mktemp("conformance") / "state"
    state.mkdir()
    gateway = Gateway(state)
    gateway.add_image("alpine", {"empty": ""}, {"fprocess": "cat"})
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def target(request):
    """The gateway under test."""
    option = request.config.getoption
    url = option("--gateway", None)
    if url:
        return Target(url.rstrip("/"), option("--user"), option("--password"), option("--image"))
    own = request.getfixturevalue("own_gateway")
    password = (own.state / "basic-auth-password").read_text().strip()
    return Target(own.url, "admin", password, "alpine")


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
