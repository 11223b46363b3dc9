"""CPU and memory of replicas: of a replica's process with all its descendants, from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from faas_runtime.core.api import FunctionUsage
from faas_runtime.providers.process.processes import all_processes, ancestor

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FRESH = 1.0


class ProcessUsageMeter:
    """Reads /proc at most once a second, for all functions together. Blocking; a few milliseconds."""

    def __init__(self) -> None:
        self._read_at = 0.0
        self._cpu: dict[int, float] = {}
        self._memory: dict[int, float] = {}
        self._seconds: dict[int, float] = {}

    def read(self) -> None:
        """Scan all processes, unless the last scan is fresh."""
        now = time.monotonic()
        passed = now - self._read_at
        if passed < _FRESH:
            return
        memory: dict[int, float] = {}
        seconds: dict[int, float] = {}
        processes = dict(all_processes())
        children = {pid for pid, fields in processes.items() if int(fields[1]) == os.getpid()}
        for pid, fields in processes.items():
            # CPU time with that of ended children, and resident memory.
            root, used = ancestor(pid, processes, children), sum(int(value) for value in fields[11:15]) / _TICKS
            memory[root] = memory.get(root, 0.0) + int(fields[21]) * _PAGE
            seconds[root] = seconds.get(root, 0.0) + used
        # The time of a process that ended is missing from the sum: never below zero.
        self._cpu = {
            root: max(0.0, used - self._seconds[root]) / passed * 1000
            for root, used in seconds.items()
            if root in self._seconds
        }
        self._memory, self._seconds, self._read_at = memory, seconds, now

    def of(self, replicas: Iterable[int]) -> FunctionUsage:
        """Usage of these children of ours together, with their descendants, as of the last reading."""
        pids = list(replicas)
        return FunctionUsage(
            cpu=round(sum(self._cpu.get(pid, 0.0) for pid in pids), 1),
            total_memory_bytes=sum(self._memory.get(pid, 0.0) for pid in pids),
        )
