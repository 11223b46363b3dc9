"""`faas gateway install swarm`: gateway, queue, metrics and alerts as services of a Docker Swarm."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.gateway.credentials import load_credentials, remove_credentials, save_credentials
from faas_cli.gateway.install.compose import USER, check_name
from faas_cli.gateway.install.engine import connect, socket_group, socket_path, wait_until_healthy
from faas_cli.gateway.install.image import build_image, first_line, pull
from faas_cli.gateway.install.layout import (
    CONFIGS,
    HOME_LABEL,
    SECRETS,
    STACK_EXPLANATION,
    SWARM_NETWORK,
    Layout,
    rendered,
    stack_document,
)
from faas_runtime.core.engine_address import EngineAddress

_STACK = "com.docker.stack.namespace"
_KIND = "io.faas.kind"
_REMOVAL_TIMEOUT = 60.0
_POLL_INTERVAL = 0.2


def install(layout: Layout, image: str, say: Callable[[str], None]) -> str:
    """Install or update the stack on this machine's manager and log in; returns the address. Raises FaasError."""
    check_name(layout.name)
    client, address = connect()
    try:
        url = _address(client, address, layout.port)
        used = image or build_image(client, say)
        path = socket_path(address)
        layout = replace(layout, image=used, socket=path, group=socket_group(client, used, path))
        document = stack_document(layout)
        for service in document["services"].values():
            pull(client, service["image"])
        with _engine_errors():
            _label_home(client, layout.name)
            if all(each.name != SWARM_NETWORK for each in client.networks.list(names=[SWARM_NETWORK])):
                client.networks.create(SWARM_NETWORK, driver="overlay", attachable=True, scope="swarm",
                                       labels={"io.faas": "network"})  # fmt: skip
            password = _new_password(client, layout.name, url)
        say(f"Deploying the stack {layout.name}")
        _deploy(address, layout.name, rendered(document, STACK_EXPLANATION))
        wait_until_healthy(url, lambda: "", detail=lambda: _states(client, layout.name))
        if password:
            save_credentials(url, USER, password)
        return url
    finally:
        client.close()


def uninstall(name: str, data: bool, say: Callable[[str], None]) -> bool:
    """Remove the stack; with `data` also functions, secrets, queue and metrics. False if nothing existed."""
    check_name(name)
    client, address = connect()
    try:
        _address(client, address, 0)
        with _engine_errors():
            services = client.services.list(filters={"label": f"{_STACK}={name}"})
            ports = [port for each in services for port in _ports(each)]
            if data:
                services += client.services.list(filters={"label": f"{_KIND}=function"})
            for service in services:
                service.remove()
            say(f"Removed {len(services)} services")
            _retry_while_used(client, lambda: _remove_rest(client, name, data))
            for port in ports:
                remove_credentials(_address(client, address, port))
            return bool(services)
    finally:
        client.close()


def _address(client: Any, address: EngineAddress, port: int) -> str:
    """The gateway's address. Raises FaasError unless the engine is a Swarm manager."""
    swarm = client.info().get("Swarm") or {}
    if swarm.get("LocalNodeState") != "active":
        raise FaasError(f"the engine at {address} is not part of a Swarm", hint="create one with `docker swarm init`")
    if not swarm.get("ControlAvailable"):
        raise FaasError(f"the engine at {address} is a worker of its Swarm", hint="run this on a manager")
    host = str(swarm.get("NodeAddr") or "127.0.0.1")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _label_home(client: Any, name: str) -> None:
    """Label this node for all services: their data is here."""
    node = client.nodes.get(client.info()["Swarm"]["NodeID"])
    spec = node.attrs["Spec"]
    spec["Labels"] = {**(spec.get("Labels") or {}), HOME_LABEL: name}
    node.update(spec)


def _new_password(client: Any, name: str, url: str) -> str:
    """Create the secrets of the admin account; empty if they exist, since secrets cannot be read back."""
    present = {secret.name for secret in client.secrets.list()}
    values = {"basic-auth-user": USER, "basic-auth-password": secrets.token_urlsafe(24)}
    missing = [key for key in SECRETS if f"{name}-{key}" not in present]
    for key in missing:
        client.secrets.create(name=f"{name}-{key}", data=values[key].encode(), labels={"io.faas.install": name})
    if "basic-auth-password" in missing:
        return values["basic-auth-password"]
    if load_credentials(url) is None:
        raise FaasError(
            f"`{name}` is already installed, and its password is unknown here",
            hint=f"log in with `faas login`, or run `faas gateway uninstall swarm --name {name}` first",
        )
    return ""


def _deploy(address: EngineAddress, name: str, document: str) -> None:
    with tempfile.TemporaryDirectory(prefix="faas-stack-") as folder:
        for file, text in {**CONFIGS, "docker-stack.yml": document}.items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        command = ["docker", "stack", "deploy", "--compose-file", "docker-stack.yml", "--resolve-image", "never", name]
        environment = {**os.environ, **address.environment()}
        environment.pop("DOCKER_CONTEXT", None)
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )  # fmt: skip
        except OSError as err:
            raise FaasError(f"the `docker` command cannot be run: {err.strerror}", hint="install docker-cli") from None
    if done.returncode:
        raise FaasError("the stack cannot be deployed", detail=done.stderr.strip())


def _states(client: Any, name: str) -> str:
    """The states of the services' latest tasks, one line each."""
    lines = []
    for service in client.services.list(filters={"label": f"{_STACK}={name}"}):
        tasks = sorted(service.tasks(), key=lambda task: str(task["CreatedAt"]))
        status = tasks[-1]["Status"] if tasks else {"State": "no task"}
        lines.append(
            f"{service.name}: {status.get('State')} {status.get('Err') or status.get('Message') or ''}".strip()
        )
    return "\n".join(sorted(lines))


def _ports(service: Any) -> list[int]:
    ports = (service.attrs["Spec"].get("EndpointSpec") or {}).get("Ports") or []
    return [int(port["PublishedPort"]) for port in ports if port.get("TargetPort") == 8080]


def _remove_rest(client: Any, name: str, data: bool) -> None:
    for kind in (client.secrets, client.configs):
        labels = [f"{_STACK}={name}", f"io.faas.install={name}"]
        labels += [f"{_KIND}=secret", f"{_KIND}=namespace"] if data else []
        for label in labels:
            for each in kind.list(filters={"label": label}):
                each.remove()
    for network in client.networks.list(filters={"label": f"{_STACK}={name}"}):
        network.remove()
    if not client.services.list(filters={"label": f"{_KIND}=function"}):
        for network in client.networks.list(names=[SWARM_NETWORK]):
            network.remove()
    if data:
        for volume in client.volumes.list(filters={"label": f"{_STACK}={name}"}):
            volume.remove()
    node = client.nodes.get(client.info()["Swarm"]["NodeID"])
    spec = node.attrs["Spec"]
    if (spec.get("Labels") or {}).get(HOME_LABEL) == name:
        del spec["Labels"][HOME_LABEL]
        node.update(spec)


def _retry_while_used(client: Any, remove: Callable[[], None]) -> None:
    """Retry until the last containers of removed services no longer use what is to be removed."""
    from docker.errors import APIError

    deadline = time.monotonic() + _REMOVAL_TIMEOUT
    while True:
        try:
            return remove()
        except APIError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_INTERVAL)


@contextlib.contextmanager
def _engine_errors() -> Any:
    """Translate the engine's errors to FaasError."""
    from docker.errors import APIError

    try:
        yield
    except APIError as err:
        raise FaasError(f"the Swarm refused: {first_line(err)}") from None
