"""Processes of this machine: starting one that dies with the gateway, and ending it with all its descendants."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import functools
import logging
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from faas_runtime.images.store import LOCAL_SUFFIX
from faas_runtime.providers.process.groups import Groups
from faas_runtime.providers.process.isolation import Users
from faas_runtime.providers.process.places import Places

log = logging.getLogger("faas.process")

_MAX_ROUNDS = 40
_ROUND_PAUSE = 0.005
STARTS_AT_ONCE = 2
"""Starting a process holds up the gateway for some milliseconds; between two starts it answers calls."""
_PR_SET_PDEATHSIG = 1

try:
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
except (OSError, AttributeError):  # not Linux: orphans are only found at the next start
    _prctl = None  # type: ignore[assignment]


def child_setup() -> Callable[[], None]:
    """What a child does between fork and exec: request a signal for the gateway's death.

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

    def is_running(self) -> bool:
        """Whether this very process still runs."""
        present = mark_of(self.pid)
        return present is not None and (present.began, present.boot) == (self.began, self.boot)


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a running process, None when there is none of that number."""
    fields = _stat(pid)
    return ProcessMark(pid, int(fields[19]), _boot_id()) if fields else None


def mark_of_child(pid: int) -> ProcessMark:
    """The mark of a child process, with this process as its owner. The child may have ended already."""
    mark = mark_of(pid) or ProcessMark(pid, 0, _boot_id())
    return dataclasses.replace(mark, owner=mark_of(os.getpid()))


def kill_trees(leaders: Iterable[ProcessMark]) -> set[int]:
    """Kill these processes with all their descendants, and every process of the sessions that they lead. Blocking.

    Returns the leaders of which there was something left. A number that belongs to another process by now is skipped.
    """
    by_pid = {leader.pid: leader for leader in leaders if leader.boot == _boot_id()}
    found: set[int] = set()
    for _ in range(_MAX_ROUNDS):
        members = _members(by_pid)
        found |= {leader for leader, pids in members.items() if pids}
        # The leader adopts the orphans of its descendants: while it lives, none of them gets away.
        below = [pid for leader, pids in members.items() for pid in pids if pid != leader]
        for pid in below or [pid for pids in members.values() for pid in pids]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not below:
            break
        time.sleep(_ROUND_PAUSE)
    return found


def _members(leaders: Mapping[int, ProcessMark]) -> dict[int, list[int]]:
    """The processes of each leader that still runs, or whose session does."""
    processes = dict(all_processes())
    reused = {pid for pid, mark in leaders.items() if pid in processes and int(processes[pid][19]) != mark.began}
    members: dict[int, list[int]] = {pid: [] for pid in leaders if pid not in reused}
    for pid, fields in processes.items():
        leader = int(fields[3])
        if leader not in members:
            leader = ancestor(pid, processes, members)
        if leader in members and fields[0] != "Z":
            members[leader].append(pid)
    return members


def ancestor(pid: int, processes: Mapping[int, list[str]], wanted: Collection[int]) -> int:
    """The process itself or its nearest ancestor that is wanted, 0 for none."""
    for _ in range(len(processes)):
        if pid in wanted or pid not in processes:
            break
        pid = int(processes[pid][1])
    return pid if pid in wanted else 0


class Machine:
    """Limits how many processes start at once, and ends them together: both would hold up the gateway's calls."""

    def __init__(self, name: str) -> None:
        self.groups = Groups(name)
        self.users = Users()
        self.starting = asyncio.Semaphore(STARTS_AT_ONCE)
        """Held while a process is being started."""
        self._ending: list[ProcessMark] = []
        self._round: asyncio.Task[None] | None = None

    async def end_tree(self, leader: ProcessMark) -> None:
        """Return once this process has been killed with all its descendants and its session.

        Trees that are ended at the same time share one scan of the machine's processes.
        """
        self._ending.append(leader)
        if self._round is None:
            self._round = asyncio.create_task(self._end_all())
        await asyncio.shield(self._round)

    async def _end_all(self) -> None:
        await asyncio.sleep(0)
        ending, self._ending, self._round = self._ending, [], None
        await asyncio.to_thread(kill_trees, ending)


def end_orphans(places: Places, groups: Groups) -> None:
    """End the processes that a gateway left which was killed, and delete the files of its replicas. Blocking.

    Those of a running gateway are left alone: it is handing over to this one, and ends them itself.
    """
    for name in {path.stem for path in places.marks.glob("*.json")} | {path.name for path in places.replicas.glob("*")}:
        place = places.replica(name)
        mark = _mark(place.mark)
        if mark is not None and mark.owner is not None and mark.owner.is_running():
            continue
        if mark is not None and kill_trees([mark]):
            log.info("ended replica %s of an earlier run", name)
        place.remove()
    for group in groups.left():
        if not (places.replicas / group.name).exists():
            group.remove()


def _mark(path: Path) -> ProcessMark | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ProcessMark)
    except (OSError, msgspec.MsgspecError):
        return None


def delete_unused_images(rootfs: Path, digests: Iterable[str]) -> None:
    """Delete unpacked images with any other digest. Blocking."""
    used = {digest.partition(":")[2] for digest in digests}
    for folder in rootfs.glob("*"):
        if folder.name.removesuffix(LOCAL_SUFFIX) not in used:
            shutil.rmtree(folder, ignore_errors=True)


def all_processes() -> Iterator[tuple[int, list[str]]]:
    """Number and `/proc/PID/stat` fields of every process.

    0 is the state, 1 the parent, 3 the session, 11 to 14 CPU ticks.
    """
    for entry in os.scandir("/proc"):
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields:
            yield int(entry.name), fields


def _stat(pid: int) -> list[str] | None:
    # Fields after the command's name, which may itself hold spaces and parentheses.
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
