"""What the engines that speak the Docker API share: connecting, streams, errors in words, and options of containers."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import docker
from docker.errors import APIError, DockerException

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.container_rights import loosened, rights_of
from faas_runtime.core.engine_address import EngineAddress, UnknownContext, find_address
from faas_runtime.core.errors import Unavailable
from faas_runtime.core.quantities import MIN_MEMORY_BYTES
from faas_runtime.providers.common.annotations import watchdog_settings
from faas_runtime.providers.common.limits import check_resources, memory_of

log = logging.getLogger("faas.provider")

WATCHDOG_PORT = 8080
LOG_OPTIONS = {"max-size": "10m"}
"""How much of a container's output the log drivers `json-file` and `local` keep."""
_POOL_SIZE = 32
# Raised by a stream that another thread has closed, or whose engine is gone.
STREAM_ENDED = (DockerException, OSError, ValueError, AttributeError)


def find_engine() -> EngineAddress:
    """The engine's address, as the `docker` command finds it. Raises Unavailable."""
    try:
        return find_address(os.environ)
    except UnknownContext as err:
        raise Unavailable(f"{err}: choose one with `docker context use`") from None


def open_client(address: EngineAddress, request_timeout: int) -> tuple[Any, dict[str, Any]]:
    """A client of the engine, and the engine's `info`. Raises Unavailable."""
    try:
        client = docker.DockerClient(timeout=request_timeout, max_pool_size=_POOL_SIZE, **address.client_options())
        return client, client.info()
    except (DockerException, OSError) as err:
        raise Unavailable(
            f"no container engine answers at {address}: {first_line(err)}; "
            "start it (`systemctl start docker`), or use `--engine process`"
        ) from None


class Stream:
    """A response of the engine that does not end by itself."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def close(self) -> None:
        """End it for the thread that reads it."""
        with contextlib.suppress(*STREAM_ENDED):
            self._source.close()


def text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a stream, until it ends or is closed."""
    pending = b""
    try:
        for chunk in chunks:
            *lines, pending = (pending + chunk).split(b"\n")
            yield from map(_text, lines)
    except STREAM_ENDED:
        return
    if pending:
        yield _text(pending)


def first_line(err: BaseException) -> str:
    """The engine's or the library's explanation of an error, in one line."""
    text = str((isinstance(err, APIError) and err.explanation) or err).strip()
    return text.splitlines()[0] if text else type(err).__name__


def check_deployment(deployment: FunctionDeployment) -> None:
    """Raises Invalid for settings that no container engine can fulfil, before an image is pulled for them."""
    for field, size in check_resources(deployment):
        if size < MIN_MEMORY_BYTES:
            log.warning("%s: %s is raised to 6Mi, the engine's minimum", deployment.service, field)
    watchdog_settings(deployment)
    rights_of(deployment)
    for allowed in loosened(deployment):
        log.warning("%s: has more rights than functions have by default: %s", deployment.service, allowed)


def memory_limit(deployment: FunctionDeployment, default: int | None) -> int | None:
    """The memory limit of a container in bytes, by `default` not less than what the deployment requests."""
    limits, requests = deployment.limits, deployment.requests
    if limits is not None and limits.memory:
        return container_memory(limits.memory, "limits.memory")
    if default is None or requests is None or not requests.memory:
        return default
    return max(default, container_memory(requests.memory, "requests.memory"))


def container_memory(text: str, field: str) -> int:
    """Bytes of a memory quantity for a container, at least the engine's minimum. Raises Invalid."""
    return max(memory_of(text, field), MIN_MEMORY_BYTES)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def environment_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The environment in the configuration of an image or a container."""
    return dict(entry.partition("=")[::2] for entry in config.get("Env") or [])
