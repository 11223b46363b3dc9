"""The format of a function store: a JSON list of functions with ready-made images."""

from __future__ import annotations

import platform

import msgspec

_MACHINES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv6l": "armhf",
    "armv7l": "armhf",
}


class StoreFunction(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `images` is by platform, `image` the format of 2018 for all platforms."""

    title: str = ""
    name: str = ""
    author: str = ""
    description: str = ""
    images: dict[str, str] = {}
    image: str = ""
    fprocess: str = ""
    repo_url: str = ""
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    read_only: bool = msgspec.field(default=False, name="readOnlyRootFilesystem")

    def image_for(self, platform_name: str) -> str:
        """The image for a platform, empty if there is none."""
        found = {key.lower(): value for key, value in self.images.items()}
        return found.get(platform_name.lower(), "") or self.image


class _Document(msgspec.Struct, frozen=True):
    functions: list[StoreFunction] = []


def own_platform() -> str:
    """This machine's platform as the store names it."""
    return _MACHINES.get(platform.machine().lower(), "x86_64")


def parse_store(data: bytes) -> list[StoreFunction]:
    """The functions of a store's JSON, a list or an object with one. Raises ValueError."""
    try:
        if data.lstrip().startswith(b"["):
            return msgspec.json.decode(data, type=list[StoreFunction])
        return msgspec.json.decode(data, type=_Document).functions
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
