"""Ids made for every call: call ids and trace contexts, from random bytes drawn in bulk."""

from __future__ import annotations

import os

_DRAW = 16 * 256


class Ids:
    """Makes version 4 UUIDs and W3C trace contexts; several times faster than the `uuid` module."""

    __slots__ = ("_hex", "_position")

    def __init__(self) -> None:
        self._hex = ""
        self._position = 0

    def _take(self) -> str:
        position = self._position
        if position >= len(self._hex):
            self._hex = os.urandom(_DRAW).hex()
            position = 0
        self._position = position + 32
        return self._hex[position : position + 32]

    def call_id(self) -> bytes:
        """A random UUID in its usual form."""
        h = self._take()
        variant = "89ab"[int(h[16], 16) & 3]
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant}{h[17:20]}-{h[20:]}".encode()

    def traceparent(self) -> bytes:
        """The context of a new trace that is sampled, as tracers do by default."""
        return f"00-{self._take()}-{self._take()[:16]}-01".encode()
