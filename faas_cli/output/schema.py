"""What `--output json` of every command prints, as types, and as JSON Schema for other languages.

A published format only grows: fields may be added; none is removed or changes its type before
the next major version.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import msgspec

from faas_cli.doctor import Finding
from faas_cli.errors import UsageError
from faas_cli.templates.store import StoreTemplate
from faas_cli.templates.testing import TestStep
from faas_runtime.core.api import (
    AsyncCall,
    FunctionStatus,
    FunctionVersion,
    LogMessage,
    QueueListing,
    TrafficShare,
)
from faas_runtime.core.function_store import StoreFunction

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class DescribedFunction(FunctionStatus, frozen=True, kw_only=True):
    """A function as the gateway describes it, and its URLs."""

    status: str = msgspec.field(name="Status")
    calls: int = msgspec.field(name="InvocationCount")
    url: str = msgspec.field(name="URL")
    async_url: str = msgspec.field(name="AsyncURL")


class SecretName(msgspec.Struct, frozen=True, kw_only=True):
    """A secret; its value is never shown."""

    name: str
    namespace: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A value and where it comes from."""

    key: str
    value: str
    source: str


class SettingValue(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a gateway; `origin` is the flag, the variable, or the file and line that gave its value."""

    name: str
    value: str | int | bool | list[str] | None
    source: Literal["flag", "environment", "file", "default"]
    origin: str


class CliVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version of the CLI."""

    commit: str
    version: str


class GatewayVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version of the gateway."""

    uri: str
    version: str
    sha: str


class ProviderVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version of its provider."""

    name: str
    orchestration: str
    version: str
    sha: str


class Versions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All three; the last two only when a gateway answers."""

    cli: CliVersion
    gateway: GatewayVersion | None = None
    provider: ProviderVersion | None = None


OUTPUTS: dict[str, Any] = {
    "config explain": list[Explained],
    "describe": DescribedFunction,
    "doctor": list[Finding],
    "gateway config": list[SettingValue],
    "list": list[FunctionStatus],
    "logs": LogMessage,
    "namespace list": list[str],
    "queue list": QueueListing,
    "queue show": AsyncCall,
    "rollback": list[FunctionVersion],
    "secret list": list[SecretName],
    "secret unseal": dict[str, str],
    "store describe": StoreFunction,
    "store list": list[StoreFunction],
    "template store describe": StoreTemplate,
    "template store list": list[StoreTemplate],
    "template test": list[TestStep],
    "traffic": list[TrafficShare],
    "version": Versions,
}
"""By the words of the command. `logs` prints one value per line."""


def output_schema(words: str) -> dict[str, Any]:
    """The JSON Schema of what a command prints. Raises UsageError for a command without `--output json`."""
    kind = OUTPUTS.get(words)
    if kind is None:
        raise UsageError(f"`faas {words}` has no `--output json`", hint=f"these have: {', '.join(OUTPUTS)}")
    return {
        "$schema": _DIALECT,
        "title": f"faas {words} --output json",
        **_without_indentation(msgspec.json.schema(kind)),
    }


def _without_indentation(schema: Any) -> Any:
    """The schema with docstrings as Python 3.13 keeps them, so that it is the same with every Python."""
    if isinstance(schema, list):
        return [_without_indentation(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(text := schema.get("description"), str):
        schema = {**schema, "description": inspect.cleandoc(text)}
    return {name: _without_indentation(value) for name, value in schema.items()}
