"""What a function's container may do: nothing beyond its own process, unless an annotation allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid

CAPABILITIES_ANNOTATION = "com.faas.capabilities"
"""Capabilities to keep, separated by commas: `CHOWN,SETUID`."""
NEW_PRIVILEGES_ANNOTATION = "com.faas.new-privileges"
"""`allow`: programs of the image may gain rights, for example by set-user-id."""
PIDS_ANNOTATION = "com.faas.pids"
"""Maximum number of processes and threads, or `unlimited`."""
MEMORY_ANNOTATION = "com.faas.memory"
"""`unlimited`: no memory limit where the function sets none."""
ROOT_ANNOTATION = "com.faas.root"
"""`writable`: the root file system can be written although the image does not need that."""
READ_ONLY_LABEL = "io.faas.read-only-root"
"""Label of images that need no writable root: those of the built-in templates."""

DEFAULT_PIDS = 1024
DEFAULT_MEMORY_BYTES = 1024**3

_CAPABILITY = re.compile(r"[A-Z]+(_[A-Z]+)*")
_DENIED = re.compile(
    r"operation not permitted|permission denied|read-only file system|cannot fork|can't start new thread", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ContainerRights:
    """The rights of a container. `pids` and `memory` (bytes) are None without a limit."""

    capabilities: tuple[str, ...] = ()
    new_privileges: bool = False
    pids: int | None = DEFAULT_PIDS
    memory: int | None = DEFAULT_MEMORY_BYTES
    read_only_root: bool = False


def rights_of(deployment: FunctionDeployment, image_labels: Mapping[str, str] | None = None) -> ContainerRights:
    """The rights of a deployment's containers. Raises Invalid, naming the annotation.

    `memory` is the default, for a deployment that sets no limit.
    """
    annotations = deployment.annotations or {}
    writable = _word(annotations, ROOT_ANNOTATION, "writable")
    return ContainerRights(
        capabilities=_capabilities(annotations.get(CAPABILITIES_ANNOTATION, "")),
        new_privileges=_word(annotations, NEW_PRIVILEGES_ANNOTATION, "allow"),
        pids=_pids(annotations.get(PIDS_ANNOTATION, "")),
        memory=None if _word(annotations, MEMORY_ANNOTATION, "unlimited") else DEFAULT_MEMORY_BYTES,
        read_only_root=deployment.read_only_root_filesystem
        or (not writable and (image_labels or {}).get(READ_ONLY_LABEL) == "true"),
    )


def loosened(deployment: FunctionDeployment) -> list[str]:
    """The annotations of a deployment that allow its containers more than the default, as `NAME: VALUE`."""
    try:
        rights = rights_of(deployment)
    except Invalid:
        return []  # the deployment itself is refused for it
    annotations = deployment.annotations or {}
    more = {
        CAPABILITIES_ANNOTATION: bool(rights.capabilities),
        NEW_PRIVILEGES_ANNOTATION: rights.new_privileges,
        PIDS_ANNOTATION: rights.pids is None or rights.pids > DEFAULT_PIDS,
        MEMORY_ANNOTATION: rights.memory is None,
        ROOT_ANNOTATION: bool(annotations.get(ROOT_ANNOTATION)),
    }
    return [f"{name}: {annotations[name]}" for name, allowed in more.items() if allowed]


def advice(output: str) -> str:
    """How to allow what a function's last output says it was denied; empty when it says nothing of that kind."""
    if not _DENIED.search(output):
        return ""
    return (
        f"if it needs more rights than functions have by default, the annotations `{CAPABILITIES_ANNOTATION}`, "
        f"`{ROOT_ANNOTATION}` and `{PIDS_ANNOTATION}` allow them"
    )


def _capabilities(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().upper().removeprefix("CAP_") for name in text.split(",") if name.strip())
    # Which ones exist is the engine's matter; all of them at once would be no list of what is needed.
    unknown = [name for name in names if name == "ALL" or not _CAPABILITY.fullmatch(name)]
    if unknown:
        raise Invalid(f"annotation `{CAPABILITIES_ANNOTATION}`: `{unknown[0]}` is not a capability like `NET_RAW`")
    return tuple(dict.fromkeys(names))


def _pids(text: str) -> int | None:
    if not text:
        return DEFAULT_PIDS
    if text == "unlimited":
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 4_194_304:
        raise Invalid(f"annotation `{PIDS_ANNOTATION}`: `{text}` is neither a number of processes nor `unlimited`")
    return int(text)


def _word(annotations: Mapping[str, str], name: str, word: str) -> bool:
    text = annotations.get(name, "")
    if text not in ("", word):
        raise Invalid(f"annotation `{name}`: `{text}` is not `{word}`")
    return text == word
