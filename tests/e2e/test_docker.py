"""The same walkthrough with a container engine: build, push to a real registry, deploy from there, call, delete."""

import json
import re
from itertools import product
from pathlib import Path

import pytest

from tests.images import make_base_images
from tests.integration.registry.conftest import PASSWORD, USER, registry, write_docker_config

pytestmark = pytest.mark.e2e

__all__ = ["registry"]

GREETINGS = {"go": "Go", "python": "Python", "node": "Node"}
LANGUAGES = ["go", "python", "node", "go-http", "python-http", "node-http"]


@pytest.fixture(scope="module")
def client(engine_client):
    """The engine, with the base images under their real names."""
    make_base_images.ensure()
    return engine_client


@pytest.fixture
def containers(shell, client, registry):
    """A folder whose gateway runs functions as containers, with credentials for the registry."""
    folder = Path(shell.env["HOME"]) / ".docker"
    folder.mkdir()
    write_docker_config(folder, registry)
    done = shell.faas("gateway", "start", "--engine", "docker", "--port", "0", "--metrics-port", "0")
    shell.env["OPENFAAS_URL"] = re.search(r"http://127\.0\.0\.1:\d+", done.stdout.decode())[0]
    yield shell
    for name in shell.faas("list", "-q", check=False).stdout.decode().split():
        shell.faas("delete", name, check=False)
    shell.faas("gateway", "stop", check=False)


# Without an engine the base of Python and Node is fetched when the image is pushed, and no registry here has it.
@pytest.mark.parametrize(
    ("lang", "builder"), [*product(LANGUAGES, ("docker", "buildx")), ("go", "oci"), ("go-http", "oci")]
)
def test_walkthrough(containers, client, registry, lang, builder):
    """Built either way, the image comes back from the registry and answers the same."""
    shell = containers
    shell.faas("new", "--lang", lang, "gohash", "--prefix", f"{registry}/{builder}-{lang}")
    image = f"{registry}/{builder}-{lang}/gohash:latest"
    shell.faas("build", "-f", "gohash.yml", "--builder", builder)
    shell.faas("push", "-f", "gohash.yml")
    if builder != "oci":
        client.images.remove(image, force=True)
    try:
        shell.faas("deploy", "-f", "gohash.yml")
        answer = shell.faas("invoke", "gohash", stdin=b"test").stdout
        assert answer == f"Hello, {GREETINGS[lang.partition('-')[0]]}. You said: test".encode()
        shell.faas("delete", "-f", "gohash.yml")
        assert shell.faas("list", "-q").stdout == b""
    finally:
        client.images.remove(image, force=True)


def test_up_takes_what_is_there(containers, client):
    """The engine builds, as the gateway runs containers; both are named with the reason, and no registry is needed."""
    shell = containers
    shell.faas("new", "--lang", "python", "taken")
    image = "taken:latest"
    try:
        said = shell.faas("up", "-f", "taken.yml", "--skip-deploy").stderr.decode()
        assert "builder: docker (an engine answers at unix:///var/run/docker.sock, " in said
        assert "`taken:latest` names no registry; it stays on this machine" in said
        assert shell.faas("list", "-q").stdout == b""
        assert client.images.get(image)
        said = shell.faas("up", "-f", "taken.yml", "--skip-push").stderr.decode()
        assert "names no registry" not in said
        assert shell.faas("invoke", "taken", stdin=b"test").stdout == b"Hello, Python. You said: test"
        shell.faas("delete", "-f", "taken.yml")
    finally:
        client.images.remove(image, force=True)


def test_publish_for_two_platforms(shell, registry, tool, tmp_path):
    """One name, a manifest for each platform, built here without an engine or an emulator."""
    folder = Path(shell.env["HOME"]) / ".docker"
    folder.mkdir()
    write_docker_config(folder, registry)
    shell.faas("new", "--lang", "go", "gohash", "--prefix", f"{registry}/both")
    platforms = ["--platforms", "linux/amd64,linux/arm64"]
    shell.faas("publish", "-f", "gohash.yml", *platforms, "--extra-tag", "v2")
    for tag in ("latest", "v2"):
        credentials = f"--creds={USER}:{PASSWORD}"
        image = f"docker://{registry}/both/gohash:{tag}"
        done = shell.run(tool("skopeo"), "inspect", "--raw", "--tls-verify=false", credentials, image)
        found = {entry["platform"]["architecture"] for entry in json.loads(done.stdout)["manifests"]}
        assert found == {"amd64", "arm64"}
    shell.faas("up", "-f", "gohash.yml", "--publish", *platforms, "--skip-deploy")
    copied = tmp_path / "arm64"
    source = f"docker://{registry}/both/gohash:latest"
    arguments = ["--override-arch", "arm64", "copy", "--src-tls-verify=false", f"--src-creds={USER}:{PASSWORD}"]
    shell.run(tool("skopeo"), *arguments, source, f"oci:{copied}:x")
    shell.run(tool("umoci"), "unpack", "--rootless", "--image", f"{copied}:x", str(tmp_path / "bundle"))
    # The machine field of the ELF header: 0xb7 is AArch64.
    for name in ("home/app/handler", "usr/bin/fwatchdog"):
        assert (tmp_path / "bundle" / "rootfs" / name).read_bytes()[18] == 0xB7
    shell.faas("new", "--lang", "python", "py", "--prefix", f"{registry}/both")
    assert "cannot be built for linux/arm64" in shell.fails("publish", "-f", "py.yml", *platforms)
