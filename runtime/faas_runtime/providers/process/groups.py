"""Control groups of the kernel: limits for memory, CPU and processes, where this process may make groups.

A limit counts as enforced only after it was written to a group of the real file system and read back.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("faas.process")

MEMORY, CPU, PROCESSES = "memory", "cpu", "processes"
"""What can be limited."""
_PERIOD = 100_000
_CONTROLLERS = {MEMORY: "memory", CPU: "cpu", PROCESSES: "pids"}
_REMOVE_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one replica; 0 is none. `memory` is in bytes, `cpu` in cores."""

    memory: int = 0
    cpu: float = 0.0
    processes: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one replica: a folder for each controller, as the launcher's policy has them."""

    name: str
    version: int
    folders: Mapping[str, str]

    def memory_kills(self) -> int:
        """How many processes the kernel has killed because the group had reached its memory limit."""
        if MEMORY not in self.folders:
            return 0
        events = "memory.events" if self.version == 2 else "memory.oom_control"
        rows = (line.split() for line in _text(Path(self.folders[MEMORY]) / events).splitlines())
        return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == "oom_kill"), 0)

    def remove(self) -> None:
        """End what is left in the groups, and remove them. Blocking."""
        for folder in {Path(path) for path in self.folders.values()}:
            deadline = time.monotonic() + _REMOVE_TIMEOUT
            while time.monotonic() < deadline:
                for pid in _members(folder):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, 9)
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
                    continue
                break
            else:
                log.warning("control group %s cannot be removed", folder)


class Groups:
    """Makes groups below one of this machine, if any may be made. `version` is 0 where none can."""

    def __init__(self, name: str, mounts: str | None = None, own: str | None = None) -> None:
        self.version = 0
        self._name = f"faas-{name}"
        self._parents: dict[str, Path] = {}
        self._mounts = mounts
        self._own = own

    def find(self) -> None:
        """Look for groups of this process, and test every limit in one. Blocking."""
        mounts = _text(Path("/proc/self/mountinfo")) if self._mounts is None else self._mounts
        own = _text(Path("/proc/self/cgroup")) if self._own is None else self._own
        for version, parents in ((2, _second_version(mounts, own)), (1, _first_version(mounts, own))):
            for kind, parent in parents:
                if kind not in self._parents and self._works(version, kind, parent / self._name):
                    self._parents[kind], self.version = parent / self._name, version
            if self._parents:
                return

    @property
    def enforced(self) -> tuple[str, ...]:
        """What is limited by groups here."""
        return tuple(kind for kind in (MEMORY, CPU, PROCESSES) if kind in self._parents)

    def make(self, instance: str, limits: Limits) -> Group | None:
        """Groups for a replica, with all the limits that are enforced here; None if that is nothing. Blocking.

        Raises OSError when a limit does not hold.
        """
        kinds = [kind for kind in self.enforced if getattr(limits, kind)]
        if not kinds:
            return None
        folders = {kind: str(self._parents[kind] / instance) for kind in kinds}
        group = Group(instance, self.version, folders)
        try:
            for kind in kinds:
                _limit(self.version, kind, Path(folders[kind]), limits)
        except BaseException:
            group.remove()
            raise
        return group

    def close(self) -> None:
        """Remove the groups that hold those of the replicas, unless another gateway uses them."""
        for parent in self._parents.values():
            with contextlib.suppress(OSError):
                parent.rmdir()

    def left(self) -> Iterator[Group]:
        """The groups that an earlier gateway left, by the names of their replicas."""
        for name in {path.name for parent in self._parents.values() for path in parent.glob("*-*") if path.is_dir()}:
            yield Group(name, self.version, {kind: str(parent / name) for kind, parent in self._parents.items()})

    def _works(self, version: int, kind: str, parent: Path) -> bool:
        probe = parent / f"probe-{os.getpid()}"
        try:
            parent.mkdir(exist_ok=True)
            if version == 2:
                (parent / "cgroup.subtree_control").write_text(f"+{_CONTROLLERS[kind]}")
            _limit(version, kind, probe, Limits(memory=64 << 20, cpu=0.5, processes=64))
        except (OSError, ValueError):
            return False
        finally:
            with contextlib.suppress(OSError):
                probe.rmdir()
        return True


def _limit(version: int, kind: str, folder: Path, limits: Limits) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in _values(version, kind, limits):
        (folder / name).write_text(value)
        if (folder / name).read_text().split() != value.split():
            raise OSError(f"the limit {name} of {folder} does not hold")
    if kind == MEMORY:  # without it, memory beyond the limit is swapped out
        swap, most = ("memory.swap.max", "0") if version == 2 else ("memory.memsw.limit_in_bytes", str(limits.memory))
        with contextlib.suppress(OSError):
            (folder / swap).write_text(most)


def _values(version: int, kind: str, limits: Limits) -> Iterator[tuple[str, str]]:
    quota = max(1000, int(limits.cpu * _PERIOD))
    memory = limits.memory // os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PAGE_SIZE")
    if kind == PROCESSES:
        yield "pids.max", str(limits.processes)
    elif kind == MEMORY:
        yield ("memory.max" if version == 2 else "memory.limit_in_bytes"), str(memory)
    elif version == 2:
        yield "cpu.max", f"{quota} {_PERIOD}"
    else:
        yield "cpu.cfs_period_us", str(_PERIOD)
        yield "cpu.cfs_quota_us", str(quota)


def _first_version(mounts: str, own: str) -> Iterator[tuple[str, Path]]:
    paths = {each: path for _, names, path in _rows(own) for each in names.split(",")}
    for kind, controller in _CONTROLLERS.items():
        for point, type_, options in _points(mounts):
            if type_ == "cgroup" and controller in options:
                # In a container the path is that of the machine, which is not visible: then the root is its own.
                inner = point / paths.get(controller, "/").lstrip("/")
                yield from ((kind, folder) for folder in (inner, point) if folder.is_dir())


def _second_version(mounts: str, own: str) -> Iterator[tuple[str, Path]]:
    inner = next((path for _, names, path in _rows(own) if not names), "/")
    for point, type_, _ in _points(mounts):
        if type_ != "cgroup2":
            continue
        # A group with processes of its own has no children with limits: a sibling is made, or one further up.
        for parent in (point / inner.lstrip("/")).parents:
            if point == parent or point in parent.parents:
                shared = _text(parent / "cgroup.subtree_control").split()
                yield from ((kind, parent) for kind, name in _CONTROLLERS.items() if name in shared)


def _rows(own: str) -> Iterator[tuple[str, str, str]]:
    for line in own.splitlines():
        number, names, path = line.split(":", 2)
        yield number, names, path


def _points(mounts: str) -> Iterator[tuple[Path, str, list[str]]]:
    """Mount point, type and options of each mounted file system."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        if len(fields) > 4 and len(more) > 2:
            yield Path(fields[4].replace("\\040", " ")), more[0], more[2].split(",")


def _members(folder: Path) -> list[int]:
    return [int(word) for word in _text(folder / "cgroup.procs").split() if word != "0"]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
