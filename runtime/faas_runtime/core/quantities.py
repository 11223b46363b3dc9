"""Kubernetes quantities (`128Mi`, `500m`, `1e3`) as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

MIN_MEMORY_BYTES = 6 * 1024 * 1024
"""The smallest memory limit that container engines accept."""

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?")
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_LARGE = {
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def memory_bytes(text: str) -> int:
    """Bytes of a memory quantity, rounded down. Raises ValueError, also for `256MB` and `500m`."""
    number = _parse(text, _LARGE)
    if number is None:
        raise ValueError(f"`{text}` is not an amount of memory; write for example `128Mi`")
    return int(number)


def cpu_cores(text: str) -> Decimal:
    """Cores of a CPU quantity: `500m` is 0.5. Raises ValueError, also for `1M` and `1Gi`."""
    number = _parse(text, _SMALL)
    if number is None:
        raise ValueError(f"`{text}` is not an amount of CPU; write for example `500m` or `2`")
    return number.normalize()


def _parse(text: str, suffixes: dict[str, Decimal]) -> Decimal | None:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or (match[2] and match[2] not in suffixes):
        return None
    return Decimal(match[1]) * (suffixes[match[2]] if match[2] else Decimal(f"1e{match[3] or 0}"))
