"""`FAAS_DEBUG=1`: every request to a gateway on stderr, without what must stay secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

_HIDDEN = frozenset({"authorization", "cookie"})
_SHOWN = 4096
"""Most bytes of a body that are shown."""


def trace(method: str, url: str, headers: Mapping[str, str], body: Any) -> None:
    """Show a request when debugging is on. Bodies of secrets and streams are not shown."""
    if os.environ.get("FAAS_DEBUG") != "1":
        return
    lines = [f"{method} {url}"]
    for name, value in headers.items():
        lines.append(f"{name}: {'(hidden)' if name.lower() in _HIDDEN else value}")
    if isinstance(body, bytes) and body:
        private = "/system/secrets" in url or "/oauth/" in url
        shown = f"({len(body)} bytes, hidden)" if private else body[:_SHOWN].decode("utf-8", "replace")
        lines.append(shown)
    elif body:
        lines.append("(a stream)")
    sys.stderr.write("\n".join(lines) + "\n\n")
