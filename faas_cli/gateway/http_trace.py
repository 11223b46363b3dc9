"""`--verbose` and `FAAS_DEBUG=1`: every request to a gateway on stderr, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faas_cli.console import current_console

_HIDDEN = frozenset({"authorization", "cookie"})
_MAX_SHOWN = 4096
"""Maximum bytes of a body that are shown."""


def trace(method: str, url: str, headers: Mapping[str, str], body: Any) -> None:
    """Show a request when the console is verbose. Bodies of secrets and streams are not shown."""
    console = current_console()
    if not console.verbose:
        return
    lines = [f"{method} {url}"]
    for name, value in headers.items():
        lines.append(f"{name}: {'(hidden)' if name.lower() in _HIDDEN else value}")
    if isinstance(body, bytes) and body:
        private = "/system/secrets" in url or "/oauth/" in url
        shown = f"({len(body)} bytes, hidden)" if private else body[:_MAX_SHOWN].decode("utf-8", "replace")
        lines.append(shown)
    elif body:
        lines.append("(a stream)")
    console.trace("\n".join(lines) + "\n")
