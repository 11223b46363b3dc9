"""Self-container lookup: whether the gateway itself runs in a container of the engine, and in which."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from docker.errors import NotFound

from faas_runtime.core.errors import Invalid

# The default host name of a container.
GATEWAY_ALIAS = "gateway"
"""Host name of a gateway in a container, for its functions."""
_SHORT_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class SelfContainer:
    """The gateway's own container; all empty when it has none."""

    container: str = ""
    mounts: tuple[tuple[PurePosixPath, PurePosixPath], ...] = ()
    """Folders of the container, each with its path on the engine's machine."""

    @property
    def inside(self) -> bool:
        """Whether the gateway runs in a container, and so reaches functions by their addresses."""
        return bool(self.container)

    def join(self, client: Any, network: str) -> None:
        """Connect the gateway to a network of functions, where it is `gateway`."""
        if self.container and network not in _networks(client.containers.get(self.container).attrs):
            client.networks.get(network).connect(self.container, aliases=[GATEWAY_ALIAS])

    def leave(self, network: Any) -> None:
        """Disconnect the gateway from a network, which is to be removed."""
        if self.container:
            network.disconnect(self.container)

    def host_path(self, path: str) -> str:
        """The path of a folder on the engine's machine. Raises Invalid when it has none there."""
        if not self.container:
            return path
        inner = PurePosixPath(path)
        # The innermost mount hides the others.
        for inside, outside in sorted(self.mounts, key=lambda mount: len(mount[0].parts), reverse=True):
            if inner.is_relative_to(inside):
                return str(outside / inner.relative_to(inside))
        raise Invalid(
            f"functions cannot get their secrets: `{path}` exists only in the gateway's container; "
            "mount a volume at its state directory"
        )


def find_self_container(client: Any) -> SelfContainer:
    """Find the container that this process runs in, if any."""
    name = socket.gethostname()
    if not _SHORT_ID.fullmatch(name):
        return SelfContainer()
    try:
        found = client.containers.get(name)
    except NotFound:
        return SelfContainer()
    pairs = ((mount.get("Destination"), mount.get("Source")) for mount in found.attrs.get("Mounts") or [])
    mounts = tuple((PurePosixPath(inside), PurePosixPath(outside)) for inside, outside in pairs if inside and outside)
    return SelfContainer(found.id, mounts)


def address_of(attrs: Mapping[str, Any]) -> str:
    """The address of a container that has one network, empty while it has none."""
    addresses = (str(each.get("IPAddress") or "") for each in _networks(attrs).values())
    return next(filter(None, addresses), "")


def _networks(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    return (attrs.get("NetworkSettings") or {}).get("Networks") or {}
