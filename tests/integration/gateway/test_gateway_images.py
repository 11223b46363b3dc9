"""Images come to the gateway's own store with the deployment: whole, checked, and only from who may deploy."""

import contextlib
import hashlib
from typing import Any

import pytest

from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.upload import ImageUploads
from faas_cli.errors import FaasError
from faas_cli.gateway.client import GatewayClient
from faas_cli.gateway.credentials import Credentials
from faas_runtime.core.api import FunctionDeployment
from faas_runtime.images.store import LAYER_TYPE, ImageStore
from tests.gateways import Gateway, build_watchdog

pytestmark = pytest.mark.integration


@pytest.fixture
def gateway(tmp_path):
    """A gateway with an empty store."""
    build_watchdog()
    (tmp_path / "gateway").mkdir()
    made = Gateway(tmp_path / "gateway")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def user(gateway, tmp_path, monkeypatch):
    """Another user's store, with an image."""
    monkeypatch.setenv("FAAS_STATE_DIR", str(tmp_path / "user"))
    other: Any = Gateway(tmp_path / "user")
    other.digest = other.add_image("mine:1", {"data": "x" * 5_000_000}, {"fprocess": "cat"})
    return other


def client_of(gateway):
    password = (gateway.state / "basic-auth-password").read_text().strip()
    return GatewayClient(gateway.url, Credentials(user="admin", password=password))


def test_a_deployment_brings_its_image(gateway, user):
    """The second deployment of the same image uploads nothing."""
    assert gateway.deploy("fn", "mine:1").status == 400
    client = client_of(gateway)
    deploy_one(client, FunctionDeployment(service="fn", image="mine:1"))
    assert gateway.call("fn", b"hello").body == b"hello"
    assert client.images() == {"mine:1": user.digest}
    before = {path: path.stat().st_mtime_ns for path in gateway.store.root.rglob("*") if path.is_file()}
    deploy_one(client, FunctionDeployment(service="again", image="mine:1"))
    assert {path: path.stat().st_mtime_ns for path in gateway.store.root.rglob("*") if path.is_file()} == before


def test_several_functions_ask_for_the_images_once(gateway, user, monkeypatch):
    """What is uploaded for one is known for the next."""
    client, asked = client_of(gateway), []
    monkeypatch.setattr(client, "images", lambda: asked.append(1) or GatewayClient.images(client))
    uploads = ImageUploads(client)
    for name in ("one", "two"):
        deploy_one(client, FunctionDeployment(service=name, image="mine:1"), uploads=uploads)
    assert asked == [1]
    assert gateway.call("two", b"hello").body == b"hello"


def test_what_is_not_what_it_says(gateway, user):
    """Refused, and nothing of it is kept."""
    digest = f"sha256:{hashlib.sha256(b'good').hexdigest()}"
    headers = {"Content-Length": "3"}
    answer = gateway.ask("PUT", f"/system/images/blobs/{digest}", b"bad", headers)
    assert (answer.status, digest in answer.text) == (400, True)
    assert gateway.ask("GET", f"/system/images/blobs/{digest}").status == 404
    assert gateway.ask("PUT", "/system/images/blobs/sha256:..%2f..%2fx", b"bad", headers).status in (400, 404)
    manifest = user.store.blob_path(user.digest).read_bytes()
    answer = gateway.ask("PUT", "/system/images?image=mine:1", manifest)
    assert (answer.status, "is not in the store" in answer.text) == (400, True)
    for body in (b"", b"[]", b'{"config": 1, "layers": []}', b"[" * 100_000):
        assert gateway.ask("PUT", "/system/images?image=mine:1", body).status == 400
    assert gateway.ask("GET", "/system/images").json() == {}
    assert not list((gateway.store.root / "blobs/sha256").iterdir())


def test_limits_and_accounts(gateway, user):
    """A size over the limit is refused before it is read; without a password nothing is."""
    path = f"/system/images/blobs/{user.digest}"
    with contextlib.closing(gateway.connection()) as connection:
        connection.putrequest("PUT", path)
        connection.putheader("Authorization", gateway.authorization())
        connection.putheader("Content-Length", str(3 * 1024**3))
        connection.endheaders()
        assert connection.getresponse().status == 429
    for method, target in (("GET", "/system/images"), ("PUT", "/system/images?image=x"), ("PUT", path), ("GET", path)):
        with_password = gateway.ask(method, target, b"", {"Authorization": "Basic eDp5"}, auth=False)
        assert with_password.status == 401


def test_a_damaged_image_is_not_sent(gateway, user):
    """The hint is to build it again."""
    store = ImageStore(user.store.root)
    layer = next(each["digest"] for each in store.manifest(user.digest)["layers"])
    assert store.manifest(user.digest)["layers"][0]["mediaType"] == LAYER_TYPE
    store.blob_path(layer).write_bytes(b"damaged")
    with pytest.raises(FaasError, match="damaged"):
        deploy_one(client_of(gateway), FunctionDeployment(service="fn", image="mine:1"))
    assert gateway.ask("GET", "/system/functions").json() == []
