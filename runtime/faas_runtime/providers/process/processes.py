"""Processes of this machine: starting one that dies with the gateway, finding and ending its descendants."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import resource
import signal
from collections.abc import Callable
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


def mark_of_child(pid: int) -> ProcessMark | None:
    """The mark of a process that this one has started, with our own."""
    mark = mark_of(pid)
    return dataclasses.replace(mark, owner=mark_of(os.getpid())) if mark is not None else None


def kill_session(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Signal every process of the session that `pid` leads or led, whatever process groups they made."""
    for member in _session_members(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, number)


def kill_leftover(mark: ProcessMark) -> bool:
    """End what an earlier gateway left of a session; False when there is nothing (or the number is another's now)."""
    if mark.boot != _boot_id():
        return False
    present = mark_of(mark.pid)
    if present is not None and present.began != mark.began:
        return False
    members = _session_members(mark.pid)
    kill_session(mark.pid)
    return bool(members)


def _session_members(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _stat(pid: int) -> list[str] | None:
    # Fields after the command's name, which may itself hold spaces and parentheses: 0 is the state, 3 the session.
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
