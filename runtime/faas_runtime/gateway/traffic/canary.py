"""Two versions of a function at once: the present one, and a canary that takes a share of the calls.

The canary is a function of its own for the engine, named after the function it belongs to; no
other function may have such a name. Which version it runs, and its share, outlive the gateway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.files import write_file
from faas_runtime.providers.base import FunctionKey

SUFFIX = "--canary"
"""Ends the name of every canary."""
WEIGHT_ANNOTATION = "com.faas.traffic"
"""Percent of the calls that a deployment takes beside the version that is there."""
LONGEST_NAME = 63 - len(SUFFIX)
"""A longer name leaves no room for that of a canary."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What a canary runs, and how much it is given."""

    version: int
    weight: int
    """Percent of the function's calls."""


def canary_of(key: FunctionKey) -> FunctionKey:
    """The canary of a function, whether there is one or not."""
    return FunctionKey(key.name + SUFFIX, key.namespace)


def is_canary(key: FunctionKey) -> bool:
    """Whether this is a canary, not a function that somebody deployed under that name."""
    return key.name.endswith(SUFFIX)


def weight_of(annotations: Mapping[str, str] | None) -> int | None:
    """The share a deployment asks for in percent; None when it wants all calls. Raises ValueError."""
    text = (annotations or {}).get(WEIGHT_ANNOTATION, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 100):
        raise ValueError(f"annotation `{WEIGHT_ANNOTATION}`: `{text[:20]}` is not a percentage from 0 to 100")
    return int(text)


def without_weight(deployment: FunctionDeployment) -> FunctionDeployment:
    """The deployment as it is kept: what share it begins with is not a property of the function."""
    if WEIGHT_ANNOTATION not in (deployment.annotations or {}):
        return deployment
    annotations = {name: text for name, text in (deployment.annotations or {}).items() if name != WEIGHT_ANNOTATION}
    return msgspec.structs.replace(deployment, annotations=annotations or None)


class TrafficBook:
    """One file for each function that has a canary. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: FunctionKey) -> Traffic | None:
        """The canary of a function, None when there is none."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._path(key).read_bytes(), type=Traffic)
        return None

    def all(self) -> dict[FunctionKey, Traffic]:
        """Every function that has a canary."""
        keys = [FunctionKey(path.stem, path.parent.name) for path in self._folder.glob("*/*.json")]
        return {key: found for key in keys if (found := self.read(key)) is not None}

    def write(self, key: FunctionKey, traffic: Traffic) -> None:
        """Note a canary. Raises OSError."""
        write_file(self._path(key), msgspec.json.encode(traffic), mode=0o600)

    def forget(self, key: FunctionKey) -> None:
        """The canary is gone."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: FunctionKey) -> Path:
        return self._folder / key.namespace / f"{key.name}.json"
