"""Assembling the build context `build/NAME/`: the template overlaid with the function's handler."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.errors import BuildError
from faas_cli.stack.variables import unset_hint
from faas_cli.templates.find import PROJECT_FOLDER
from faas_runtime.core.files import write_file

if TYPE_CHECKING:
    from faas_cli.stack.model import Function
    from faas_cli.templates.model import Template

BUILD_FOLDER = "build"
DOCKERFILE_NAME = "Dockerfile"
SUPPORT_FOLDER = ".faas"
"""Folder of a context for our own files that a Dockerfile copies: the watchdog."""

# Never part of a function: tools create these again wherever it is built.
_NEVER = frozenset({".git", "node_modules", "__pycache__", ".venv", ".pytest_cache", ".mypy_cache"})
_TEMPLATE_ONLY = frozenset({"cookiecutter.json", "hooks", "Dockerfile.j2"})


def assemble(function: Function, template: Template | None, project: Path, extra: Iterable[str] = ()) -> Path:
    """Create a function's build context from scratch; returns its folder, `build/NAME` below `project`.

    `template` is None for `lang: dockerfile`, whose handler folder is the context. `extra` are paths
    inside the project that are copied beside the handler. Symbolic links are followed if they stay
    inside the project. A `.dockerignore` is not applied here: the engine applies the context's own.
    Raises BuildError naming the path.
    """
    handler = project / function.handler
    _check_handler(function, handler)
    context = project / BUILD_FOLDER / function.name
    copier = _Copier(project, function.name, _NEVER if template is not None else frozenset())
    overlay = context
    if template is not None:
        copier.copy_template(template.folder, context)
        overlay = context / template.handler_folder
    overlay.mkdir(parents=True, exist_ok=True)
    copier.copy(handler, overlay)
    for path in extra:
        _copy_extra(copier, project, path, overlay, function.name)
    copier.save()
    return context


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content in hexadecimal; a file that did not change is read once in a process."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@functools.cache
def _digest(path: Path, *_identity: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(folder: Path) -> str:
    """A digest of a folder's files: paths, executable bits and content."""
    total = hashlib.sha256()
    for path in files_below(folder):
        executable = path.stat().st_mode & stat.S_IXUSR != 0
        # A file name is bytes, not always UTF-8.
        total.update(os.fsencode(path.relative_to(folder)) + f"\0{executable:d}\0".encode())
        total.update(bytes.fromhex(file_digest(path)))
    return total.hexdigest()


def matching(context: Path, names: Iterable[str]) -> list[str]:
    """The files of a context that a step's inputs name, in their order; those of a pattern are sorted."""
    found: dict[str, None] = {}
    for name in names:
        paths = sorted(context.glob(name)) if any(each in name for each in "*?[") else [context / name]
        found |= {path.relative_to(context).as_posix(): None for path in paths if path.is_file()}
    return list(found)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a context except the Dockerfile and our own, sorted by path."""
    for parent, folders, files in os.walk(folder):
        if parent == str(folder):
            folders[:] = [name for name in folders if name != SUPPORT_FOLDER]
            files = [name for name in files if name != DOCKERFILE_NAME]
        folders.sort()
        for name in sorted(files):
            yield Path(parent, name)


def sync_tree(source: Path, target: Path, keep: list[str]) -> None:
    """Make `target` a copy of `source`; writes only files that differ, and leaves the folders named by `keep` alone."""
    kept = tuple(target / name for name in keep)
    names = {path.relative_to(source) for path in files_below(source)}
    if target.exists():
        for path in list(files_below(target)):
            if path.relative_to(target) not in names and not any(path.is_relative_to(folder) for folder in kept):
                path.unlink()
    for name in names:
        _copy_if_different(source / name, target / name)


class _Copier:
    """Copies trees into one function's context."""

    def __init__(self, project: Path, function: str, never: frozenset[str]) -> None:
        self._function, self._never = function, never
        self._context = project / BUILD_FOLDER / function
        self._last = self._context.with_name(f".{function}.last")
        self._record = self._context.with_name(f".{function}.json")
        self._sources: dict[str, list[int]] = {}
        self._known = _read_record(self._record)
        # Unchanged files of the last context are renamed, which is faster than a copy.
        _remove(self._last)
        if self._context.is_symlink():
            self._context.unlink()
        elif self._context.exists():
            self._context.rename(self._last)
        self._project = project.resolve()
        # Our own output is excluded by its path: a user's folder may be called `build`, too.
        self._own = {self._project / BUILD_FOLDER, self._project / PROJECT_FOLDER}

    def copy_template(self, source: Path, target: Path) -> None:
        target.mkdir(parents=True)
        for entry in sorted(source.iterdir()):
            if entry.name in _TEMPLATE_ONLY or entry.name.startswith("{{") or entry.name in _NEVER:
                continue
            if entry.is_dir():
                shutil.copytree(entry, target / entry.name, ignore=shutil.ignore_patterns(*_NEVER, "{{*"))
            else:
                shutil.copy(entry, target / entry.name)

    def copy(self, source: Path, target: Path) -> None:
        self._tree(source, target, ())

    def copy_file(self, source: Path, target: Path) -> None:
        self._check_inside(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file(source, target)

    def _tree(self, source: Path, target: Path, above: tuple[Path, ...]) -> None:
        real = source.resolve()
        if real in above:
            raise BuildError(f"`{self._function}`: the link `{source}` leads to one of its parent folders")
        target.mkdir(parents=True, exist_ok=True)
        with os.scandir(source) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name in self._never:
                continue
            if entry.is_symlink():
                self._check_inside(Path(entry.path))
            if entry.is_dir():
                path = Path(entry.path)
                if (path.resolve() if entry.is_symlink() else real / entry.name) not in self._own:
                    self._tree(path, target / entry.name, (*above, real))
                    shutil.copymode(path, target / entry.name)
            elif entry.is_file():
                self._file(Path(entry.path), target / entry.name)

    def _file(self, source: Path, target: Path) -> None:
        """Copy a file with its mode and modification time, or reuse the last context's copy if nothing has changed."""
        status = source.stat()
        name = str(target.relative_to(self._context))
        # Not the modification time alone: programs set it, and a link may lead to another file now.
        identity = [
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mode,
            status.st_mtime_ns,
            status.st_ctime_ns,
        ]
        self._sources[name] = identity
        if target.is_dir() and not target.is_symlink():
            # The template has a folder of the handler's file name.
            shutil.rmtree(target)
        if self._known.get(name) == identity:
            last = self._last / name
            with contextlib.suppress(OSError):
                found = last.lstat()
                if (found.st_size, found.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
                    last.rename(target)
                    return
        shutil.copyfile(source, target)
        target.chmod(stat.S_IMODE(status.st_mode))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def save(self) -> None:
        """Record the copied files for the next build, and remove what is left of the last context."""
        write_file(self._record, json.dumps(self._sources), durable=False)
        _remove(self._last)

    def _check_inside(self, path: Path) -> None:
        if not path.is_symlink():
            return
        if not path.exists():
            raise BuildError(f"`{self._function}`: the link `{path}` leads to `{path.readlink()}`, which is missing")
        if not path.resolve().is_relative_to(self._project):
            raise BuildError(
                f"`{self._function}`: the link `{path}` leads outside the project, to `{path.resolve()}`",
                hint="copy its target into the project, or build from a folder that contains both",
            )


def _check_handler(function: Function, handler: Path) -> None:
    if not function.handler:
        raise BuildError(
            f"`{function.name}` has no `handler` in the stack file",
            hint=unset_hint() or f"add `handler: ./{function.name}`",
        )
    if not handler.exists():
        raise BuildError(
            f"`{function.name}`: its handler folder `{function.handler}` does not exist",
            hint="the path is relative to the folder you run faas in",
        )
    if not handler.is_dir():
        raise BuildError(f"`{function.name}`: its handler `{function.handler}` is a file; name its folder")


def _read_record(path: Path) -> dict[str, list[int]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _copy_extra(copier: _Copier, project: Path, path: str, overlay: Path, function: str) -> None:
    source = (project / path).resolve()
    if source == project.resolve() or not source.is_relative_to(project.resolve()):
        raise BuildError(
            f"`{function}`: the extra path `{path}` must be inside the project, below `{project.resolve()}`"
        )
    if not source.exists():
        raise BuildError(f"`{function}`: the extra path `{path}` does not exist")
    target = overlay / source.relative_to(project.resolve())
    if source.is_dir():
        copier.copy(source, target)
    else:
        copier.copy_file(source, target)


def _copy_if_different(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    if (
        target.exists()
        and target.stat().st_mode == source.stat().st_mode
        and target.read_bytes() == source.read_bytes()
    ):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
