"""CPU and memory of containers, CPU as the difference of two readings."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from faas_runtime.core.api import FunctionUsage
from faas_runtime.providers.docker.engine import DockerEngine

_MIN_INTERVAL = 0.5
_REMEMBERED = 300.0


class ContainerUsageMeter:
    """Remembers the last reading of each container: the engine only has totals."""

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, float, float]] = {}

    def read(self, identifiers: Sequence[str]) -> FunctionUsage:
        """Usage of these containers together; CPU is 0 at the first reading. Blocking."""
        cpu = memory = 0.0
        for identifier in identifiers:
            used = self._engine.usage(identifier)
            if used is not None:
                cpu += self._rate(identifier, used.processor)
                memory += used.memory
        return FunctionUsage(cpu=round(cpu, 1), total_memory_bytes=memory)

    def _rate(self, identifier: str, total: float) -> float:
        """Thousandths of a core since the last reading, which is kept when it is too recent."""
        now = time.monotonic()
        with self._lock:
            then, before, rate = self._seen.get(identifier, (0.0, 0.0, 0.0))
            if then and now - then < _MIN_INTERVAL:
                return rate
            rate = max(0.0, total - before) / (now - then) * 1000 if then else 0.0
            self._seen = {name: seen for name, seen in self._seen.items() if now - seen[0] < _REMEMBERED}
            self._seen[identifier] = (now, total, rate)
        return rate
