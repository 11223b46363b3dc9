"""The template store: a JSON list of templates and their repositories."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from faas_cli.errors import FaasError

DEFAULT_STORE = "https://raw.githubusercontent.com/openfaas/store/master/templates.json"
TIMEOUT = 5.0


class StoreTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; unknown fields are ignored. `official` is a text on the wire, `recommended` a boolean."""

    template: str
    platform: str = ""
    language: str = ""
    source: str = ""
    description: str = ""
    repo: str = ""
    official: str = ""
    recommended: bool = False


def store_address(flag: str = "") -> str:
    """The store's address: the flag, else `OPENFAAS_TEMPLATE_STORE_URL`, else the public store."""
    return flag or os.environ.get("OPENFAAS_TEMPLATE_STORE_URL") or DEFAULT_STORE


def read_store(address: str) -> list[StoreTemplate]:
    """The store's templates: recommended first, then official, then by name. Raises FaasError."""
    try:
        entries = msgspec.json.decode(fetch(address, TIMEOUT), type=list[StoreTemplate])
    except msgspec.DecodeError as err:
        raise FaasError(f"{address} is not a template store: {err}") from None
    return sorted(entries, key=lambda each: (not each.recommended, each.official != "true", each.template.lower()))


def find_in_store(name: str, address: str) -> StoreTemplate:
    """The template called `name` or `source/name`. Raises FaasError with similar names."""
    import difflib

    entries = read_store(address)
    for entry in entries:
        if name in (entry.template, f"{entry.source}/{entry.template}"):
            return entry
    near = difflib.get_close_matches(name, [entry.template for entry in entries], n=3)
    suggestion = f"did you mean {' or '.join(f'`{each}`' for each in near)}?"
    hint = suggestion if near else "`faas template store list` lists all"
    raise FaasError(f"the template store has no `{name}`", hint=hint)


def fetch(address: str, timeout: float) -> bytes:
    """The content of an http(s) address or a local file. Raises FaasError."""
    if not address.startswith(("http://", "https://")):
        try:
            return Path(address.removeprefix("file://")).read_bytes()
        except OSError as err:
            raise FaasError(f"`{address}` cannot be read: {err.strerror}") from None
    import urllib3

    from faas_cli.proxies import pool_for

    try:
        answer: Any = pool_for(address).request("GET", address, timeout=timeout, retries=False)
    except urllib3.exceptions.HTTPError as err:
        raise FaasError(f"{address} cannot be fetched: {type(err).__name__}", hint="are you offline?") from None
    if answer.status != 200:
        raise FaasError(f"{address} cannot be fetched: the server answered {answer.status}")
    return bytes(answer.data)
