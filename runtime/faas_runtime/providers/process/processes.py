"""Processes of this machine: starting one that dies with the gateway, finding and ending its descendants."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import functools
import os
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1

try:
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
except (OSError, AttributeError):  # not Linux: leftovers are only found at the next start
    _prctl = None  # type: ignore[assignment]


def child_setup() -> Callable[[], None]:
    """What a child does between fork and exec: ask to be told when the gateway dies.

    It runs in a forked copy of a process with threads, so it only makes system calls.
    """
    parent = os.getpid()

    def setup() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:  # the gateway died before the request
                os._exit(1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    return setup


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """Identifies a process for as long as the machine is up: its number, and when it began (clock ticks)."""

    pid: int
    began: int
    boot: str
    owner: ProcessMark | None = None
    """The gateway that started it."""

    def lives(self) -> bool:
        """Whether this very process still runs."""
        present = mark_of(self.pid)
        return present is not None and (present.began, present.boot) == (self.began, self.boot)


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a running process, None when there is none of that number."""
    fields = _stat(pid)
    return ProcessMark(pid, int(fields[19]), _boot_id()) if fields else None


def mark_of_child(pid: int) -> ProcessMark:
    """The mark of a process that this one has started, with our own. It may be over already."""
    mark = mark_of(pid) or ProcessMark(pid, 0, _boot_id())
    return dataclasses.replace(mark, owner=mark_of(os.getpid()))


def kill_sessions(leaders: Iterable[ProcessMark]) -> set[int]:
    """Kill every process of the sessions that these lead or led, whatever process groups they made. Blocking.

    Returns the leaders of which something was left. A number that is another process's by now is left alone.
    """
    wanted = {leader.pid: leader for leader in leaders if leader.boot == _boot_id()}
    members: dict[int, list[int]] = {pid: [] for pid in wanted}
    for pid, fields in _all_processes():
        session, began = int(fields[3]), int(fields[19])
        if pid in wanted and began != wanted[pid].began:
            members.pop(pid, None)
        elif session in members and fields[0] != "Z":
            members[session].append(pid)
    for found in members.values():
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    return {leader for leader, found in members.items() if found}


def _all_processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields:
            yield int(entry.name), fields


def _stat(pid: int) -> list[str] | None:
    # Fields after the command's name, which may itself hold spaces and parentheses: 0 is the state, 3 the session.
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


@functools.cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
