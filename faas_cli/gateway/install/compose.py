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
    """Raises UsageError for a name that engines would not take for containers, volumes and host names."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"`{name}` cannot name an installation", hint="use small letters, digits and `-`")


def install(layout: Layout, image: str, say: Callable[[str], None]) -> str:
    """Install or replace it and log in; its address. `image` is used instead of building one. Raises FaasError."""
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
        made = containers.create(client, compose_document(layout), files, say)
        url = address_of(layout)
        wait_until_healthy(url, lambda: _trouble(made["gateway"]))
        _all_run(made)
        save_credentials(url, USER, password)
        return url
    finally:
        client.close()


def uninstall(name: str, data: bool, say: Callable[[str], None]) -> bool:
    """Remove it with its functions, its data when `data`; False when there was nothing. Raises FaasError."""
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
        raise FaasError(f"the engine refuses: {err.explanation}") from None
    finally:
        client.close()


def address_of(layout: Layout) -> str:
    """Where this machine reaches the gateway."""
    host = "127.0.0.1" if layout.host in ("0.0.0.0", "::") else layout.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{layout.port}" if ":" in host else f"http://{host}:{layout.port}"


def _installed_at(client: Any, name: str) -> str:
    """The address under which the installed gateway was logged in to, empty when there is none."""
    wanted = [f"{containers.LABEL}={name}", f"{containers.SERVICE_LABEL}=gateway"]
    for container in client.containers.list(all=True, filters={"label": wanted}):
        bound = (container.attrs["HostConfig"].get("PortBindings") or {}).get("8080/tcp") or []
        if bound:
            return address_of(Layout(host=bound[0]["HostIp"] or "0.0.0.0", port=int(bound[0]["HostPort"])))  # noqa: S104
    return ""


def _trouble(container: Any) -> str:
    """The gateway's last words when it has ended more than once."""
    container.reload()
    if container.attrs.get("RestartCount", 0) < 2:
        return ""
    return str(container.logs(tail=_LAST_LINES).decode("utf-8", "replace"))


def _all_run(made: dict[str, Any]) -> None:
    for service, container in made.items():
        container.reload()
        if container.status != "running" or container.attrs.get("RestartCount"):
            raise FaasError(
                f"`{service}` does not run: it is {container.status}",
                hint="`faas gateway uninstall compose` removes what was made",
                detail=container.logs(tail=_LAST_LINES).decode("utf-8", "replace"),
            )
