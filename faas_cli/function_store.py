"""The function store: a JSON list of functions whose images can be deployed as they are."""

from __future__ import annotations

import os
import platform

import msgspec

from faas_cli.errors import FaasError
from faas_cli.templates.store import fetch

DEFAULT_STORE = "https://raw.githubusercontent.com/openfaas/store/master/functions.json"
TIMEOUT = 60.0

_MACHINES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv6l": "armhf",
    "armv7l": "armhf",
}


class StoreFunction(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `images` by platform. In 2018 there was one `image` for all."""

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

    def image_for(self, wanted: str) -> str:
        """The image for a platform, empty when there is none."""
        found = {key.lower(): value for key, value in self.images.items()}
        return found.get(wanted.lower(), "") or self.image


class _Document(msgspec.Struct, frozen=True):
    functions: list[StoreFunction] = []


def own_platform() -> str:
    """This machine's platform in the store's words."""
    return _MACHINES.get(platform.machine().lower(), "x86_64")


def read_functions(address: str) -> list[StoreFunction]:
    """The functions of a store: the flag's, `OPENFAAS_STORE`'s, or the public one's. Raises FaasError."""
    where = address or os.environ.get("OPENFAAS_STORE") or DEFAULT_STORE
    data = fetch(where, TIMEOUT)
    try:
        if data.lstrip().startswith(b"["):
            return msgspec.json.decode(data, type=list[StoreFunction])
        return msgspec.json.decode(data, type=_Document).functions
    except msgspec.DecodeError as err:
        raise FaasError(f"{where} is not a function store: {err}") from None


def find_function(name: str, address: str, wanted: str) -> StoreFunction:
    """The function of this name or title, for a platform. Raises FaasError with the nearest names."""
    import difflib

    functions = read_functions(address)
    for function in functions:
        if name in (function.name, function.title):
            if not function.image_for(wanted):
                raise FaasError(
                    f"`{name}` has no image for {wanted}", hint=f"it has: {', '.join(sorted(function.images))}"
                )
            return function
    near = difflib.get_close_matches(name, [function.name for function in functions], n=3)
    hint = f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`faas store list` shows all"
    raise FaasError(f"the store has no function `{name}`", hint=hint)
