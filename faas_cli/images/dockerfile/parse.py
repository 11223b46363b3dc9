"""Parsing a Dockerfile: instructions with their lines, stages, and the command of the last stage.

Lines are split as in the Dockerfile reference: parser directives first, comments, continuations
with the chosen escape character, here-documents after `RUN`, `COPY` and `ADD`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)
DEFAULT_SHELL = ("/bin/sh", "-c")

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)(?:=(\S*))?(?:\s+|$)")
# A whole word, perhaps with the number of a file descriptor, as BuildKit has it.
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_WORD = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s\\'"])+""", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))")
_HEREDOC_KEYWORDS = frozenset({"RUN", "COPY", "ADD"})


class DockerfileError(ValueError):
    """The text is not a valid Dockerfile; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its keyword in capitals, its flags, and the rest on one line."""

    keyword: str
    value: str
    line: int
    end: int
    """Its last line, including here-documents."""
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[str, ...] = ()

    def words(self) -> list[str] | None:
        """The words of the exec form, None for the shell form."""
        return exec_form(self.value)


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A `FROM` and what follows it up to the next."""

    image: str
    """The base image, with variables of earlier `ARG`s substituted."""
    name: str
    """In lower case; empty if it has none."""
    instructions: tuple[Instruction, ...]
    """Without the `FROM`."""
    line: int
    end: int


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file."""

    instructions: tuple[Instruction, ...]
    stages: tuple[BuildStage, ...]
    directives: Mapping[str, str] = field(default_factory=dict)

    @property
    def escape(self) -> str:
        """The character that continues a line."""
        return self.directives.get("escape", "\\")

    def chain(self) -> list[BuildStage]:
        """The last stage and the stages it is based on, nearest first."""
        found = [self.stages[-1]]
        while True:
            position = self.stages.index(found[-1])
            below = [stage for stage in self.stages[:position] if stage.name and stage.name == found[-1].image.lower()]
            if not below:
                return found
            found.append(below[-1])

    def command(self) -> list[str]:
        """The command a container would start, as far as it is in the file: `ENTRYPOINT` and `CMD` together."""
        entrypoint: list[str] | None = None
        command: list[str] | None = None
        by_shell = False
        shell: Sequence[str] = DEFAULT_SHELL
        for stage in reversed(self.chain()):
            for instruction in stage.instructions:
                if instruction.keyword == "SHELL":
                    shell = instruction.words() or shell
                elif instruction.keyword == "ENTRYPOINT":
                    # As in Docker, a new ENTRYPOINT discards an inherited CMD.
                    command = command if _same_stage(stage, "CMD", instruction) else None
                    entrypoint, by_shell = _start_command(instruction, shell)
                elif instruction.keyword == "CMD":
                    command, _ = _start_command(instruction, shell)
        if by_shell:
            return entrypoint or []
        return [*(entrypoint or []), *(command or [])]

    def last(self, keyword: str) -> Instruction | None:
        """The last instruction of a kind that applies to the last stage."""
        for stage in self.chain():
            for instruction in reversed(stage.instructions):
                if instruction.keyword == keyword:
                    return instruction
        return None


def parse(text: str) -> Dockerfile:
    """Parse a Dockerfile. Raises DockerfileError with the line."""
    lines = text_lines(text)
    directives, position = _directives(lines)
    escape = directives.get("escape", "\\")
    if escape not in ("\\", "`"):
        raise DockerfileError(f"the escape character must be `\\` or a backtick, not `{escape}`", 1)
    instructions = []
    while position < len(lines):
        if _is_blank(lines[position]):
            position += 1
            continue
        instruction, position = _instruction(lines, position, escape)
        instructions.append(instruction)
    stages = _stages(instructions)
    if not stages:
        raise DockerfileError("there is no `FROM`", max(1, len(lines)))
    return Dockerfile(tuple(instructions), tuple(stages), directives)


def text_lines(text: str) -> list[str]:
    """The lines as Docker counts them: only a line feed ends a line."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def exec_form(value: str) -> list[str] | None:
    """The words of `["a", "b"]`, None for anything else (the shell form)."""
    if not value.startswith("["):
        return None
    try:
        words = json.loads(value)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _directives(lines: Sequence[str]) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    for position, line in enumerate(lines):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None or match[1].lower() in found:
            return found, position
        found[match[1].lower()] = match[2]
    return found, len(lines)


def _is_blank(line: str) -> bool:
    stripped = line.strip()
    return not stripped or stripped.startswith("#")


def _instruction(lines: Sequence[str], start: int, escape: str) -> tuple[Instruction, int]:
    value, position = _joined(lines, start, escape)
    keyword, _, rest = value.strip().partition(" ")
    keyword = keyword.upper()
    if keyword not in KEYWORDS:
        raise DockerfileError(f"`{keyword or escape}` is not an instruction", start + 1)
    rest = rest.strip()
    flags = []
    while found := _FLAG.match(rest):
        flags.append((found[1], found[2] or ""))
        rest = rest[found.end() :]
    if not rest:
        raise DockerfileError(f"`{keyword}` has nothing after it", start + 1)
    heredocs: list[str] = []
    inner = rest.removeprefix(rest.split()[0]).strip() if keyword == "ONBUILD" else rest
    if (keyword if keyword != "ONBUILD" else rest.split()[0].upper()) in _HEREDOC_KEYWORDS and exec_form(inner) is None:
        for tabs, word in _heredoc_markers(inner):
            body, position = _heredoc(lines, position, word, tabs=tabs, start=start)
            heredocs.append(body)
    return Instruction(keyword, rest, start + 1, position, tuple(flags), tuple(heredocs)), position


def _joined(lines: Sequence[str], position: int, escape: str) -> tuple[str, int]:
    """The logical line that begins at `position`, without comments and empty lines."""
    parts: list[str] = []
    while position < len(lines):
        line = lines[position]
        position += 1
        if parts and _is_blank(line):
            continue
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            parts.append(line)
            break
        parts.append(stripped[: -len(escape)])
    return "".join(parts).replace("\t", " "), position


def _heredoc_markers(text: str) -> list[tuple[bool, str]]:
    """The here-documents that begin in an instruction: whether tabs are stripped, and the last line.

    As in BuildKit a marker is a word of its own, outside of quotes: `1<<2` in `$((1<<2))` and `<<<` are none.
    """
    if _WORD.sub("", text).strip():
        return []  # a quote that does not end: the shell reports it
    markers = (_HEREDOC.fullmatch(word) for word in _WORD.findall(text))
    return [(bool(marker[1]), _unquoted(marker[2])) for marker in markers if marker]


def _unquoted(word: str) -> str:
    return re.sub(r"""\\(.)|["']""", lambda found: found[1] or "", word)


def _heredoc(lines: Sequence[str], position: int, word: str, *, tabs: bool, start: int) -> tuple[str, int]:
    body: list[str] = []
    while position < len(lines):
        line = lines[position].lstrip("\t") if tabs else lines[position]
        position += 1
        if line == word:
            return "\n".join(body), position
        body.append(line)
    raise DockerfileError(f"the here-document `{word}` does not end", start + 1)


def _stages(instructions: Sequence[Instruction]) -> list[BuildStage]:
    arguments: dict[str, str] = {}
    stages: list[BuildStage] = []
    for position, instruction in enumerate(instructions):
        if instruction.keyword == "ARG" and not stages:
            arguments |= _argument(instruction.value, arguments)
        elif instruction.keyword == "FROM":
            inside = _until_from(instructions[position + 1 :])
            image, name = _from(instruction)
            end = inside[-1].end if inside else instruction.end
            stages.append(BuildStage(fill(image, arguments), name, tuple(inside), instruction.line, end))
        elif not stages:
            raise DockerfileError(f"`{instruction.keyword}` stands before the first `FROM`", instruction.line)
    return stages


def _until_from(instructions: Sequence[Instruction]) -> list[Instruction]:
    found: list[Instruction] = []
    for instruction in instructions:
        if instruction.keyword == "FROM":
            break
        found.append(instruction)
    return found


def _from(instruction: Instruction) -> tuple[str, str]:
    words = instruction.value.split()
    if len(words) == 1:
        return words[0], ""
    if len(words) == 3 and words[1].upper() == "AS":
        return words[0], words[2].lower()
    raise DockerfileError("`FROM` takes an image, and `AS` with a name", instruction.line)


def _argument(value: str, known: Mapping[str, str]) -> dict[str, str]:
    name, separator, default = value.partition("=")
    return {name.strip(): fill(default.strip().strip("\"'"), known)} if separator else {}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Substitute `$NAME`, `${NAME}`, `${NAME:-other}` and `${NAME:+other}`; unknown names become empty."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1] or match[4], "")
        if match[2] == "-":
            return found or match[3]
        if match[2] == "+":
            return match[3] if found else ""
        return found

    return _VARIABLE.sub(value, text)


def _start_command(instruction: Instruction, shell: Sequence[str]) -> tuple[list[str], bool]:
    words = instruction.words()
    return (words, False) if words is not None else ([*shell, instruction.value], True)


def _same_stage(stage: BuildStage, keyword: str, before: Instruction) -> bool:
    return any(each.keyword == keyword and each.line < before.line for each in stage.instructions)
