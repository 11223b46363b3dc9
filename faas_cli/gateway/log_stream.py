"""Parsing a gateway's log stream: consecutive JSON objects, with or without line feeds between them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator

import msgspec

from faas_runtime.core.api import LogMessage

_MAX_PENDING_CHARS = 4 * 1024 * 1024
"""Maximum length of an incomplete object."""


def messages(chunks: Iterable[bytes]) -> Iterator[LogMessage]:
    """The messages, each as soon as it is complete. Raises ValueError for anything else."""
    text = ""
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    for chunk in chunks:
        text += utf8.decode(chunk)
        found, text = _complete(text)
        yield from found
        if len(text) > _MAX_PENDING_CHARS:
            break
    if text.strip():
        raise ValueError(f"`{text[:40]}` is not a log message")


def _complete(text: str) -> tuple[list[LogMessage], str]:
    """The messages at the beginning of a text, and the rest of it."""
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
