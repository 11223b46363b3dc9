"""Log messages out of a gateway's stream: JSON objects one after the other, with or without line feeds between them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator

import msgspec

from faas_runtime.core.api import LogMessage

_MAX_PENDING_CHARS = 4 * 1024 * 1024
"""Most characters that may wait for the end of an object."""


def messages(chunks: Iterable[bytes]) -> Iterator[LogMessage]:
    """Each message as soon as its last byte is here. Raises ValueError for a stream of something else."""
    text = ""
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in chunks:
        text += utf8.decode(chunk)
        found, text = _complete(text)
        yield from found
        if len(text) > _MAX_PENDING_CHARS:
            break
    if text.strip():
        raise ValueError(f"`{text[:40]}` is no log message")


def _complete(text: str) -> tuple[list[LogMessage], str]:
    """The messages at the beginning of a text, and what is left of it."""
    found: list[LogMessage] = []
    decoder = json.JSONDecoder()
    text = text.lstrip()
    while text:
        try:
            value, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            break
        try:
            found.append(msgspec.convert(value, LogMessage))
        except msgspec.ValidationError as err:
            raise ValueError(str(err)) from None
        text = text[end:].lstrip()
    return found, text
