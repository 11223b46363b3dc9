"""Kubernetes quantities (`128Mi`, `500m`) as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

_MEMORY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?")
_CPU = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m)?")
_UNITS = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", start=1)},
}


def memory_bytes(text: str) -> int:
    """Bytes in a quantity of memory. Raises ValueError, also for `256MB` and `500m`."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not an amount of memory; write for example `128Mi`")
    return int(Decimal(match[1]) * _UNITS[match[2] or ""])


def cpu_cores(text: str) -> Decimal:
    """Cores in a quantity of CPU: `500m` is 0.5. Raises ValueError."""
    match = _CPU.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not an amount of CPU; write for example `500m` or `2`")
    return Decimal(match[1]) / (1000 if match[2] else 1)
