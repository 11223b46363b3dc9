"""Laying folders over one another in a build context that is kept between builds: only changed files are copied."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from faas_cli.errors import BuildError
from faas_cli.images.tree import read_record
from faas_runtime.core.files import write_file

_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Overlay:
    """The content of one function's context: add folders and files, the last of a name wins, then `write`.

    Symbolic links are followed if they stay inside the project, those of a template anywhere. Sockets, FIFOs and
    devices are left out and named in `left_out`. Names below `skip`, which are our own output, are left out, too.
    """

    def __init__(self, function: str, context: Path, project: Path, skip: Collection[Path]) -> None:
        self._function, self._context = function, context
        self._project = project.resolve()
        # By what they are: a user's folder may have the same name, and a link may lead to them.
        self._skip = {_place(path.stat()) for path in skip if path.exists()}
        self._files: dict[str, tuple[str, os.stat_result]] = {}
        self._folders: dict[str, int] = {}
        self.left_out: list[str] = []

    def add_template(self, folder: Path, never: Collection[str], top_never: Collection[str]) -> None:
        """Add a template's content, without names of `never`, those of `top_never` at its top, and scaffolds."""
        with os.scandir(folder) as listing:
            entries = sorted((entry for entry in listing if entry.name not in top_never), key=lambda each: each.name)
        for entry in entries:
            self._entry(entry, entry.name, never, (_place(folder.stat()),), anywhere=True)

    def add(self, folder: Path, target: str, never: Collection[str]) -> None:
        """Add a folder's content at the path `target` of the context, without names of `never`."""
        if target:
            self._parents(target)
            self._folder(target, folder.stat().st_mode)
        self._tree(str(folder), target, never, (), anywhere=False)

    def add_file(self, path: Path, target: str) -> None:
        """Add one file at the path `target` of the context."""
        self._check_link(str(path), anywhere=False)
        self._parents(target)
        self._file(target, str(path), path.stat())

    def write(self) -> None:
        """Make the context's folder hold this and nothing else. Raises OSError."""
        record = self._context.with_name(f".{self._context.name}.json")
        known = read_record(record)
        if self._context.is_symlink():
            self._context.unlink()
        self._context.mkdir(parents=True, exist_ok=True)
        present: set[str] = set()
        self._remove_others(str(self._context), "", known, present)
        for name in self._folders:
            if name not in present:
                os.makedirs(f"{self._context}/{name}", exist_ok=True)
        for name, (source, status) in self._files.items():
            if name not in present:
                _copy(source, f"{self._context}/{name}", status)
        for name, mode in self._folders.items():
            # The next build must be able to change it.
            os.chmod(f"{self._context}/{name}", stat.S_IMODE(mode) | stat.S_IRWXU)
        sources = {name: _identity(status) for name, (_, status) in self._files.items()}
        if sources != known:
            write_file(record, json.dumps(sources), durable=False)

    def _tree(
        self, source: str, prefix: str, never: Collection[str], above: tuple[tuple[int, int], ...], *, anywhere: bool
    ) -> None:
        place = _place(os.stat(source))
        if place in above:
            raise BuildError(f"`{self._function}`: the link `{source}` leads to one of its parent folders")
        with os.scandir(source) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            self._entry(entry, name, never, (*above, place), anywhere=anywhere)

    def _entry(
        self,
        entry: os.DirEntry[str],
        name: str,
        never: Collection[str],
        above: tuple[tuple[int, int], ...],
        *,
        anywhere: bool,
    ) -> None:
        if entry.name in never or (anywhere and entry.name.startswith("{{")):
            return
        if entry.is_symlink():
            self._check_link(entry.path, anywhere=anywhere)
        status = entry.stat()
        if stat.S_ISREG(status.st_mode):
            self._file(name, entry.path, status)
        elif not stat.S_ISDIR(status.st_mode):
            self.left_out.append(f"`{entry.path}` ({_KINDS.get(stat.S_IFMT(status.st_mode), 'no file')})")
        elif _place(status) not in self._skip:
            self._folder(name, status.st_mode)
            self._tree(entry.path, name, never, above, anywhere=anywhere)

    def _parents(self, name: str) -> None:
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            if str(parent) not in self._folders:
                self._folder(str(parent), 0o755)

    def _folder(self, name: str, mode: int) -> None:
        # The template may have a file of the handler's folder name.
        self._files.pop(name, None)
        self._folders[name] = mode

    def _file(self, name: str, source: str, status: os.stat_result) -> None:
        if name in self._folders:
            # The template has a folder of the handler's file name.
            for names in (self._folders, self._files):
                for below in [each for each in names if each == name or each.startswith(f"{name}/")]:
                    del names[below]
        self._files[name] = source, status

    def _remove_others(self, place: str, prefix: str, known: dict[str, list[int]], present: set[str]) -> None:
        """Remove what is not part of the content, or has changed; `present` collects the names that are left."""
        with os.scandir(place) as listing:
            entries = list(listing)
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if name in self._folders:
                    present.add(name)
                    self._remove_others(entry.path, f"{name}/", known, present)
                else:
                    shutil.rmtree(entry.path)
            elif name in self._files and self._is_unchanged(name, entry.stat(follow_symlinks=False), known):
                present.add(name)
            else:
                os.unlink(entry.path)

    def _is_unchanged(self, name: str, copy: os.stat_result, known: dict[str, list[int]]) -> bool:
        """Whether source and copy are what they were when the copy was made."""
        status = self._files[name][1]
        # Not the modification time alone: programs set it, and a link may lead to another file now.
        if known.get(name) != _identity(status):
            return False
        return stat.S_ISREG(copy.st_mode) and (copy.st_size, copy.st_mtime_ns) == (status.st_size, status.st_mtime_ns)

    def _check_link(self, path: str, *, anywhere: bool) -> None:
        if not os.path.islink(path):
            return
        try:
            os.stat(path)
        except OSError as err:
            way = "goes in a circle" if err.errno == errno.ELOOP else "which is missing"
            shown = f"leads to `{os.readlink(path)}`, {way}" if err.errno == errno.ENOENT else way
            raise BuildError(f"`{self._function}`: the link `{path}` {shown}") from None
        if not anywhere and not Path(path).resolve().is_relative_to(self._project):
            raise BuildError(
                f"`{self._function}`: the link `{path}` leads outside the project, to `{Path(path).resolve()}`",
                hint="copy its target into the project, or build from a folder that contains both",
            )


def _copy(source: str, target: str, status: os.stat_result) -> None:
    """Copy a file with its mode and modification time."""
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mode, status.st_mtime_ns, status.st_ctime_ns]


def _place(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
