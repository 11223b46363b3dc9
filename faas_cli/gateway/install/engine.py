"""The engine for an installation: its client, its socket, and waiting for the gateway."""

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
"""Seconds a gateway may take to answer."""
_POLL_INTERVAL = 0.2


def connect() -> tuple[Any, EngineAddress]:
    """The engine's client and address. Raises FaasError."""
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
    """Path of the engine's socket on the engine's host."""
    # On other systems the engine runs in a virtual machine, with the socket at the default path.
    return address.socket if sys.platform == "linux" and address.socket else SOCKET


def socket_group(client: Any, image: str, path: str) -> str:
    """The id of the group that may use the engine's socket, as seen by containers. Raises FaasError."""
    from docker.errors import APIError, ContainerError

    script = f"import os; print(os.stat({SOCKET!r}).st_gid)"
    try:
        output = client.containers.run(
            image,
            ["-c", script],
            entrypoint="python3",
            remove=True,
            network_mode="none",
            user="0",
            volumes=[f"{path}:{SOCKET}"],
        )
    except (APIError, ContainerError) as err:
        raise FaasError(f"the engine cannot run the gateway's image: {first_line(err)}") from None
    return str(output.decode().strip())


def wait_until_healthy(url: str, failure: Callable[[], str], detail: Callable[[], str] | None = None) -> None:
    """Wait until the gateway answers. `failure` returns the reason if it never will, else an empty text.

    `detail` describes the state at the timeout. Raises FaasError.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - made by us
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if reason := failure():
            raise FaasError("the gateway did not start", detail=reason)
        time.sleep(_POLL_INTERVAL)
    raise FaasError(f"the gateway at {url} did not answer within {READY_TIMEOUT:g} s", detail=(detail or failure)())
