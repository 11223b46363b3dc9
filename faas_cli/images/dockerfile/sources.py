"""COPY and ADD instructions of a user's Dockerfile that would copy our folder, too: here they name what they copy."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from faas_cli.images.dockerfile.instructions import literal
from faas_cli.images.dockerfile.parse import Dockerfile, Instruction
from faas_cli.images.tree import SUPPORT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

# Those that COPY has, too.
_KEPT_FLAGS = frozenset({"chown", "chmod", "link"})


def without_support(lines: Sequence[str], dockerfile: Dockerfile, top: Mapping[str, bool]) -> list[str]:
    """The lines with such instructions replaced.

    `top` has the names at the top of the context that are sent, except ours, and whether each is a folder.
    """
    found, position = [], 0
    for instruction in dockerfile.instructions:
        replaced = _replaced(instruction, top)
        if replaced is not None:
            found += [*lines[position : instruction.line - 1], *replaced]
            position = instruction.end
    return [*found, *lines[position:]]


def _replaced(instruction: Instruction, top: Mapping[str, bool]) -> list[str] | None:
    """The lines in place of an instruction; None if it stays."""
    if instruction.keyword not in ("COPY", "ADD") or instruction.heredocs or not top:
        return None
    if any(name in ("from", "parents") for name, _ in instruction.flags):
        return None
    if not all(name.isprintable() for name, is_folder in top.items() if is_folder):
        return None  # a Dockerfile cannot name it as a target
    *sources, target = instruction.words() or instruction.value.split()
    if not any(_takes_support(each) for each in sources):
        return None
    folder = target if target.endswith("/") else f"{target}/"
    lines = []
    for source in sources:
        if not _takes_support(source):
            lines.append(_line(instruction, instruction.keyword, [source], target))
        elif _is_top(source):
            if files := [literal(name) for name, is_folder in top.items() if not is_folder]:
                lines.append(_line(instruction, "COPY", files, folder))
            for name in (name for name, is_folder in top.items() if is_folder):
                lines.append(
                    _line(instruction, "COPY", [f"{literal(name)}/"], f"{folder}{literal(name, source=False)}/")
                )
        elif matching := [literal(name) for name in top if _matches(name, source)]:
            lines.append(_line(instruction, instruction.keyword, matching, target))
    return lines


def _line(instruction: Instruction, keyword: str, sources: Sequence[str], target: str) -> str:
    flags = [
        f"--{name}={value}" if value else f"--{name}"
        for name, value in instruction.flags
        if keyword == instruction.keyword or name in _KEPT_FLAGS
    ]
    words = [*sources, target]
    if any(re.search(r"\s", word) for word in words):
        return " ".join([keyword, *flags, json.dumps(words, ensure_ascii=False)])
    return " ".join([keyword, *flags, *words])


def _is_top(source: str) -> bool:
    return source.strip("/") in ("", ".")


def _takes_support(source: str) -> bool:
    return _is_top(source) or _matches(SUPPORT_FOLDER, source)


def _matches(name: str, pattern: str) -> bool:
    pattern = pattern.removeprefix("./").strip("/").replace("[^", "[!")
    return "$" not in pattern and fnmatch.fnmatchcase(name, pattern)
