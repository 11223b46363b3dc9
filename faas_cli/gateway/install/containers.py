"""Running the services of a compose document as containers, without the compose plugin."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.gateway.install.image import first_line, pull
from faas_cli.gateway.install.layout import OWNER, config_target

LABEL = "io.faas.install"
"""Label of containers, networks and volumes: the installation's name."""
SERVICE_LABEL = "io.faas.install.service"
_STOP_TIMEOUT = 20


def create(
    client: Any, document: Mapping[str, Any], files: Mapping[str, str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Replace all services, keep volumes; returns the containers by service. `files` are secrets and configurations.

    Raises FaasError.
    """
    from docker.errors import APIError

    name = document["name"]
    for service in document["services"].values():
        pull(client, service["image"])
    try:
        remove_containers(client, name)
        networks = {key: _network(client, name, key, each) for key, each in document["networks"].items()}
        for volume in document["volumes"]:
            client.volumes.create(f"{name}_{volume}", labels={LABEL: name})
        created: dict[str, Any] = {}
        for key in _in_order(document["services"]):
            say(f"Starting {name}-{key}")
            created[key] = _start(client, name, key, document, networks, files)
    except APIError as err:
        raise FaasError(f"the engine refused: {first_line(err)}", hint=_hint(first_line(err))) from None
    return created


def remove_containers(client: Any, name: str) -> int:
    """Stop and remove the services; returns their number."""
    found = client.containers.list(all=True, filters={"label": f"{LABEL}={name}"})
    for container in found:
        container.stop(timeout=_STOP_TIMEOUT)
        container.remove(force=True, v=True)
    return len(found)


def remove_functions(client: Any, instance: str) -> int:
    """Remove the containers of a gateway's functions; returns their number."""
    found = client.containers.list(all=True, filters={"label": f"io.faas.gateway={instance}"})
    for container in found:
        container.remove(force=True, v=True)
    return len(found)


def remove_networks(client: Any, name: str, shared: str = "faas") -> None:
    """Remove the installation's networks, and those of functions that are unused."""
    from docker.errors import APIError

    for network in client.networks.list(filters={"label": f"{LABEL}={name}"}):
        network.remove()
    for network in client.networks.list(filters={"label": "io.faas=network"}):
        namespace = (network.attrs.get("Labels") or {}).get("io.faas.namespace", "")
        if network.name in (shared, f"{shared}-{namespace}"):
            with contextlib.suppress(APIError):
                network.remove()


def remove_volumes(client: Any, name: str) -> int:
    """Remove the installation's volumes; returns their number."""
    found = client.volumes.list(filters={"label": f"{LABEL}={name}"})
    for volume in found:
        volume.remove()
    return len(found)


def _in_order(services: Mapping[str, Any]) -> list[str]:
    """Services in the order of their dependencies."""
    return sorted(services, key=lambda key: (bool(services[key].get("depends_on")), key))


def _network(client: Any, name: str, key: str, definition: Mapping[str, Any]) -> str:
    full = str(definition.get("name") or f"{name}_{key}")
    if all(network.name != full for network in client.networks.list(names=[full])):
        own = {} if "name" in definition else {LABEL: name}
        client.networks.create(full, driver="bridge", labels={"io.faas": "network", **own}, check_duplicate=True)
    return full


def _start(
    client: Any,
    name: str,
    key: str,
    document: Mapping[str, Any],
    networks: Mapping[str, str],
    files: Mapping[str, str],
) -> Any:
    service = document["services"][key]
    container = client.containers.create(
        service["image"],
        service["command"],
        name=f"{name}-{key}",
        user=service.get("user"),
        labels={LABEL: name, SERVICE_LABEL: key},
        restart_policy={"Name": service["restart"]},
        volumes=[_volume(name, each, document["volumes"]) for each in service.get("volumes", [])],
        ports=dict(_port(each) for each in service.get("ports", [])),
        network=None,
    )
    client.networks.get("bridge").disconnect(container)
    for network in service["networks"]:
        client.networks.get(networks[network]).connect(container, aliases=[key])
    content = {f"run/secrets/{each}": files[each] for each in service.get("secrets", [])}
    content |= {target.lstrip("/"): files[source] for source, target in config_target(service).items()}
    if content:
        container.put_archive("/", _archive(content))
    container.start()
    return container


def _volume(name: str, text: str, named: Mapping[str, Any]) -> str:
    source, _, target = text.partition(":")
    return f"{name}_{source}:{target}" if source in named else text


def _port(text: str) -> tuple[str, tuple[str, int]]:
    rest, _, inside = text.rpartition(":")
    host, _, port = rest.rpartition(":")
    return f"{inside}/tcp", (host, int(port))


def _archive(content: Mapping[str, str]) -> bytes:
    """A tar archive of secrets and configurations for the engine's API."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, text in content.items():
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            # Every service runs as another user, alone in its container.
            info.mode, info.uid = 0o444, OWNER
            archive.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


def _hint(reason: str) -> str:
    taken = "port is already allocated" in reason or "address already in use" in reason
    return "use another port: `--port`" if taken else ""
