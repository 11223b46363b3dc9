"""The engine a gateway is installed on, and what has to be known of it."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.gateway.install.image import first_line
from faas_cli.gateway.install.layout import SOCKET
from faas_runtime.core.engine_address import EngineAddress, UnknownContext, find_address

READY_TIMEOUT = 120.0
"""Seconds a gateway may take until it answers."""
_POLL_INTERVAL = 0.2


def connect() -> tuple[Any, EngineAddress]:
    """The engine's client, and where the engine is. Raises FaasError."""
    import docker
    from docker.errors import DockerException

    try:
        address = find_address(os.environ)
    except UnknownContext as err:
        raise FaasError(str(err), hint="choose one with `docker context use`") from None
    try:
        client = docker.DockerClient(timeout=300, **address.client_options())
        client.ping()
    except (DockerException, OSError) as err:
        raise FaasError(
            f"no container engine answers at {address}: {first_line(err)}", hint="start it (`systemctl start docker`)"
        ) from None
    return client, address


def socket_path(address: EngineAddress) -> str:
    """The engine's socket on the engine's machine."""
    # Elsewhere the engine runs in a virtual machine, which has its socket at the usual place.
    return address.socket if sys.platform == "linux" and address.socket else SOCKET


def socket_group(client: Any, image: str, path: str) -> str:
    """The number of the group that may use the engine's socket, as containers see it. Raises FaasError."""
    from docker.errors import APIError, ContainerError

    ask = f"import os; print(os.stat({SOCKET!r}).st_gid)"
    try:
        told = client.containers.run(
            image,
            ["-c", ask],
            entrypoint="python3",
            remove=True,
            network_mode="none",
            user="0",
            volumes=[f"{path}:{SOCKET}"],
        )
    except (APIError, ContainerError) as err:
        raise FaasError(f"the engine cannot run the gateway's image: {first_line(err)}") from None
    return str(told.decode().strip())


def wait_until_healthy(url: str, trouble: Callable[[], str], detail: Callable[[], str] | None = None) -> None:
    """Return once the gateway answers. `trouble` says why it never will, or nothing. Raises FaasError.

    `detail` describes how things are when the time is over.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - made by us
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if reason := trouble():
            raise FaasError("the gateway does not come up", detail=reason)
        time.sleep(_POLL_INTERVAL)
    raise FaasError(f"the gateway at {url} did not answer within {READY_TIMEOUT:g} s", detail=(detail or trouble)())
