"""Two versions of a function at once: the current one, and a canary that gets a share of the calls.

To the engine the canary is a function of its own, named after its function; no other function may have
such a name. Its version and its share are stored and survive a restart of the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.files import write_file
from faas_runtime.core.records import read_record
from faas_runtime.providers.base import FunctionKey

SUFFIX = "--canary"
"""Suffix of every canary's name."""
WEIGHT_ANNOTATION = "com.faas.traffic"
"""Percent of the calls that a deployment gets beside the current version."""
MAX_NAME_LENGTH = 63 - len(SUFFIX)
"""Maximum length of a function's name, in characters, for it to have a canary."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a canary runs, and its share of the calls."""

    version: int
    weight: int
    """Percent of the function's calls."""


def canary_of(key: FunctionKey) -> FunctionKey:
    """The key of a function's canary, whether it exists or not."""
    return FunctionKey(key.name + SUFFIX, key.namespace)


def is_canary(key: FunctionKey) -> bool:
    """Whether this is the key of a canary."""
    return key.name.endswith(SUFFIX)


def weight_of(annotations: Mapping[str, str] | None) -> int | None:
    """The share of a deployment in percent; None when it gets all calls. Raises ValueError."""
    text = (annotations or {}).get(WEIGHT_ANNOTATION, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise ValueError(f"annotation `{WEIGHT_ANNOTATION}`: `{text[:20]}` is not a percentage from 0 to 100")
    return int(text)


def without_weight(deployment: FunctionDeployment) -> FunctionDeployment:
    """The deployment as it is stored: its initial share is not a property of the function."""
    if WEIGHT_ANNOTATION not in (deployment.annotations or {}):
        return deployment
    annotations = {name: text for name, text in (deployment.annotations or {}).items() if name != WEIGHT_ANNOTATION}
    return msgspec.structs.replace(deployment, annotations=annotations or None)


class CanaryStore:
    """One file for each function that has a canary. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: FunctionKey) -> Traffic | None:
        """The canary of a function, None when there is none."""
        return read_record(self._path(key), Traffic, f"the canary of {key} is lost")

    def all(self) -> dict[FunctionKey, Traffic]:
        """Every function that has a canary."""
        keys = [FunctionKey(path.stem, path.parent.name) for path in self._folder.glob("*/*.json")]
        return {key: found for key in keys if (found := self.read(key)) is not None}

    def write(self, key: FunctionKey, traffic: Traffic) -> None:
        """Store a canary. Raises OSError."""
        write_file(self._path(key), msgspec.json.encode(traffic), mode=0o600)

    def delete(self, key: FunctionKey) -> None:
        """Delete a canary."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: FunctionKey) -> Path:
        return self._folder / key.namespace / f"{key.name}.json"
