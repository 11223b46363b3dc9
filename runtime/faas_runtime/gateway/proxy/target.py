"""Request paths: clean ones pass, others are redirected or refused."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from faas_runtime.gateway.proxy.fields import Malformed

_SUSPECT = re.compile(rb"//|/\.|%|\\")
_DOT_SEGMENT = re.compile(rb"(?:^|/)\.{1,2}(?:/|$)")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00")
_ENCODED_DOT = re.compile(rb"%2[eE]")


def cleaned(path: bytes) -> bytes | None:
    """None for a clean path, else the path without empty and dot segments to redirect to.

    Escapes stay as they were sent: a function may distinguish `%2F` from `/`. Raises Malformed for invalid
    escapes, NUL, backslashes, and dot segments hidden behind encoded slashes.
    """
    if _SUSPECT.search(path) is None:
        return None
    if b"\\" in path:
        raise Malformed("a backslash in the request path")
    if b"%" in path:
        if _BAD_ESCAPE.search(path):
            raise Malformed("a bad escape in the request path")
        plain = _ENCODED_DOT.sub(b".", path)
        if any(_hides_dots(segment) for segment in plain.split(b"/")):
            raise Malformed("a dot segment behind an encoded slash in the request path")
    else:
        plain = path
    if b"//" not in plain and not _DOT_SEGMENT.search(plain):
        return None
    return _resolve(plain)


def _hides_dots(segment: bytes) -> bool:
    decoded = unquote_to_bytes(segment).replace(b"\\", b"/")
    return segment not in (b".", b"..") and _DOT_SEGMENT.search(decoded) is not None


def _resolve(path: bytes) -> bytes:
    segments: list[bytes] = []
    parts = path.split(b"/")
    for part in parts:
        if part == b"..":
            if segments:
                segments.pop()
        elif part not in (b"", b"."):
            segments.append(part)
    slash = b"/" if segments and parts[-1] in (b"", b".", b"..") else b""
    return b"/" + b"/".join(segments) + slash
