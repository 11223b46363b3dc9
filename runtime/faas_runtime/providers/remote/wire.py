"""Reads statuses and logs of other providers, which leave out fields that ours send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from faas_runtime.core.api import ZERO_TIME, FunctionStatus, LogMessage
from faas_runtime.providers.base import FunctionKey

_MAX_LINE_BYTES = 4 * 1024 * 1024


class AnyStatus(FunctionStatus, frozen=True, kw_only=True):
    """A function's status in which fields may be missing."""

    created_at: str = ""

    def complete(self, namespace: str) -> FunctionStatus:
        """The complete status of a function that was listed in this namespace."""
        if self.namespace and self.created_at:
            return self
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        values["namespace"] = self.namespace or namespace
        values["created_at"] = self.created_at or ZERO_TIME
        return FunctionStatus(**values)


class RouteStatus(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The fields of a status that routing needs: ten thousand are read every two seconds."""

    name: str
    namespace: str | None = None
    replicas: int | None = None
    available_replicas: int | None = None
    annotations: dict[str, str] | None = None


async def log_messages(chunks: AsyncIterator[bytes], key: FunctionKey) -> AsyncIterator[LogMessage]:
    """The messages of a stream of newline-delimited JSON, each as soon as it arrives."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield _message(line, key)
        if len(rest) > _MAX_LINE_BYTES:
            yield _message(rest, key)
            rest = b""
    if rest.strip():
        yield _message(rest, key)


def _message(line: bytes, key: FunctionKey) -> LogMessage:
    try:
        found: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        found = {"text": line.decode("utf-8", errors="replace")}
    return LogMessage(
        name=_text(found, "name") or key.name,
        namespace=_text(found, "namespace") or key.namespace,
        instance=_text(found, "instance"),
        timestamp=_text(found, "timestamp") or ZERO_TIME,
        text=_text(found, "text").removesuffix("\n"),
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
