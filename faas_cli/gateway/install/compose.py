"""`faas gateway install compose`: gateway, queue, metrics and alerts as containers of one engine."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError, UsageError
from faas_cli.gateway.credentials import remove_credentials, save_credentials
from faas_cli.gateway.install import containers
from faas_cli.gateway.install.engine import connect, socket_group, socket_path, wait_until_healthy
from faas_cli.gateway.install.image import build_image, pull
from faas_cli.gateway.install.layout import CONFIGS, STATE, Layout, compose_document

USER = "admin"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_LAST_LINES = 15


def check_name(name: str) -> None:
    """Raises UsageError for a name that is invalid for containers, volumes and host names."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"`{name}` is not a valid name for an installation", hint="use lower-case letters, digits and `-`"
        )


def install(layout: Layout, image: str, say: Callable[[str], None]) -> str:
    """Install or replace the services and log in; returns the address. `image` replaces our own. Raises FaasError."""
    check_name(layout.name)
    client, address = connect()
    if not address.is_here:
        raise FaasError(f"the engine at {address} is on another machine", hint="install the gateway there")
    try:
        if image:
            pull(client, image)
        path = socket_path(address)
        used = image or build_image(client, say)
        layout = replace(layout, image=used, socket=path, group=socket_group(client, used, path))
        password = secrets.token_urlsafe(24)
        files = {**CONFIGS, "basic-auth-user": USER, "basic-auth-password": password}
        created = containers.create(client, compose_document(layout), files, say)
        url = address_of(layout)
        wait_until_healthy(url, lambda: _failure(created["gateway"]))
        _check_running(created)
        save_credentials(url, USER, password)
        return url
    finally:
        client.close()


def uninstall(name: str, data: bool, say: Callable[[str], None]) -> bool:
    """Remove the services and their functions, with `data` also volumes; False if nothing existed. Raises FaasError."""
    from docker.errors import APIError

    from faas_runtime.core.paths import instance_name

    check_name(name)
    client, _ = connect()
    try:
        url = _installed_at(client, name)
        found = containers.remove_containers(client, name)
        say(f"Removed {found} containers")
        functions = containers.remove_functions(client, instance_name(Path(STATE) / name))
        say(f"Removed {functions} containers of functions")
        containers.remove_networks(client, name)
        volumes = containers.remove_volumes(client, name) if data else 0
        if url:
            remove_credentials(url)
        return bool(found or functions or volumes)
    except APIError as err:
        raise FaasError(f"the engine refused: {err.explanation}") from None
    finally:
        client.close()


def address_of(layout: Layout) -> str:
    """The gateway's address for this machine."""
    host = "127.0.0.1" if layout.host in ("0.0.0.0", "::") else layout.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{layout.port}" if ":" in host else f"http://{host}:{layout.port}"


def _installed_at(client: Any, name: str) -> str:
    """The address of the installed gateway, empty if there is none."""
    labels = [f"{containers.LABEL}={name}", f"{containers.SERVICE_LABEL}=gateway"]
    for container in client.containers.list(all=True, filters={"label": labels}):
        bindings = (container.attrs["HostConfig"].get("PortBindings") or {}).get("8080/tcp") or []
        if bindings:
            return address_of(Layout(host=bindings[0]["HostIp"] or "0.0.0.0", port=int(bindings[0]["HostPort"])))  # noqa: S104
    return ""


def _failure(container: Any) -> str:
    """The end of the gateway's log if it has exited more than once, else empty."""
    container.reload()
    if container.attrs.get("RestartCount", 0) < 2:
        return ""
    return str(container.logs(tail=_LAST_LINES).decode("utf-8", "replace"))


def _check_running(created: dict[str, Any]) -> None:
    for service, container in created.items():
        container.reload()
        if container.status != "running" or container.attrs.get("RestartCount"):
            raise FaasError(
                f"`{service}` is not running: {container.status}",
                hint="`faas gateway uninstall compose` removes everything again",
                detail=container.logs(tail=_LAST_LINES).decode("utf-8", "replace"),
            )
