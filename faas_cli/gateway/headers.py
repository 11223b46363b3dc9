"""Header fields of a request: which can be sent, and in which encoding."""

from __future__ import annotations

import re
from collections.abc import Mapping

from urllib3 import HTTPHeaderDict

from faas_cli.errors import UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_header(name: str, value: str = "", option: str = "") -> None:
    """Raise UsageError for a header that cannot be sent; `option` is the flag that names it."""
    where = f"`{option}`: " if option else ""
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"{where}{name!r} is not the name of a header")
    # A line break would begin another header, or another request.
    if any(each in value for each in "\r\n\0"):
        raise UsageError(f"{where}a header's value must not contain line breaks or NUL: {value!r}")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"{where}a header's value must be text: {value!r}") from None


def encoded(headers: Mapping[str, str]) -> HTTPHeaderDict:
    """The headers for Python's HTTP libraries, which write Latin-1: other text is sent as UTF-8, as faas-cli does.

    Raises UsageError for one that cannot be sent.
    """
    found = HTTPHeaderDict()
    for name, value in headers.items():
        check_header(name, value)
        found.add(name, value.encode("utf-8", "surrogateescape").decode("latin-1"))
    return found
