"""Whether the compiled files of an image (`.so`, `.node`, programs) can run on its base image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from faas_cli.errors import BuildError
from faas_cli.images.base import Base
from faas_cli.images.builders.layers import LayerEntry
from faas_cli.images.elf import Elf, read_elf

# Text: a folder of modules has thousands, and none needs to be opened.
_TEXT = frozenset(
    (".py", ".pyi", ".pyc", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".map", ".json", ".md", ".txt", ".html", ".h")
)
_TAG = re.compile(r"\.(?:cpython-(\d)(\d+)(\w*)|abi3|pypy\w+)(?:-[\w-]*?(gnu|musl)?)?(?=\.so$)")
_TAG_LIBC = {"gnu": "glibc", "musl": "musl"}


def native_needs(entries: Iterable[LayerEntry], base: Base, function: str) -> set[str]:
    """What the compiled files need to run: `glibc` or `musl`, `python3.13`; empty if none is compiled.

    Packages may hold one file for several platforms: one that fits is enough. Raises BuildError with the name of the
    first file that does not fit the base.
    """
    needs: set[str] = set()
    fitting: set[str] = set()
    misfits: dict[str, tuple[str, str]] = {}
    for entry in entries:
        if entry.source is None or entry.source.suffix in _TEXT or (elf := read_elf(entry.source)) is None:
            continue
        group, path = _group(entry.path), entry.path.removeprefix("home/app/")
        found = _misfit(entry.source, elf, base)
        if found:
            misfits.setdefault(group, (path, found))
            continue
        fitting.add(group)
        needs |= _needs(entry.source, elf)
    for group, (path, found) in misfits.items():
        if group not in fitting:
            raise BuildError(f"`{function}`: {path} {found}", hint=_hint(base))
    return needs


def _group(path: str) -> str:
    """The files of which one is chosen at run time: those of a Node package, or of a Python module."""
    packages = list(re.finditer(r"node_modules/(?:@[^/]+/)?[^/]+/", path))
    return path[: packages[-1].end()] if packages else _TAG.sub("", path)


def _misfit(path: Path, elf: Elf, base: Base) -> str:
    if elf.machine != base.architecture:
        return f"is for {elf.machine}, but the image is for {base.architecture}"
    tag = _TAG.search(path.name)
    has = f"but the base image `{base.image}` has"
    if tag and tag[1]:
        version = f"{tag[1]}.{tag[2]}{tag[3]}"
        if not base.python and base.libc:
            return f"is for Python {version}, and the version of the base image `{base.image}` is not known"
        if base.python and version != base.python:
            return f"is for Python {version}, {has} Python {base.python}"
    if base.node_abi and elf.node_abi and elf.node_abi != base.node_abi:
        return f"is for Node's ABI {elf.node_abi}, {has} Node {base.node} with ABI {base.node_abi}"
    libc = elf.libc or (_TAG_LIBC.get(tag[4] or "", "") if tag else "")
    if base.libc and libc and libc != base.libc:
        return f"needs {libc}, {has} {base.libc}"
    if base.glibc and elf.glibc_version > base.glibc:
        return f"needs glibc {_dotted(elf.glibc_version)}, {has} {_dotted(base.glibc)}"
    return ""


def _needs(path: Path, elf: Elf) -> set[str]:
    tag = _TAG.search(path.name)
    found = {elf.libc} if elf.libc else set()
    return found | ({f"python{tag[1]}.{tag[2]}"} if tag and tag[1] else set())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _hint(base: Base) -> str:
    other = ""
    if base.python:
        other = f", or install python{base.python} on this machine"
    elif base.node and base.libc == "musl":
        other = f", or use a base with glibc in the template, such as `node:{base.node}-slim`"
    return f"build it with `--builder docker`{other}"
