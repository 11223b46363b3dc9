"""Which stack file, and which of its functions, a command works on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faas_cli.errors import FaasError, StackError, UsageError
from faas_cli.stack.loader import load, parse_stack
from faas_cli.stack.model import Function, Provider, Stack

STANDARD = ("stack.yaml", "stack.yml")
_NO_FILE_HINT = "name one with `-f FILE`, or create a function with `faas new --lang go NAME`"


@dataclass(frozen=True, slots=True)
class StackOptions:
    """The command line's choice: the stack files (none: the folder's own), and which of their functions."""

    files: tuple[str, ...] = ()
    pattern: str = ""
    regex: str = ""
    envsubst: bool = True

    def open(self) -> Stack:
        """The stack. Raises StackError when there is none, or when it cannot be read."""
        return open_stack(*self.files, envsubst=self.envsubst)

    def read(self) -> tuple[Stack, list[Function]]:
        """The stack as it is on disk now, and its chosen functions. Raises StackError, UsageError."""
        stack = self.open()
        return stack, select(stack, self.pattern, self.regex)

    def nearby(self) -> Stack | None:
        """The stack that was named, else the folder's own if it can be read.

        For commands that only read the gateway's URL from it.
        """
        if self.files:
            return self.open()
        try:
            return self.open() if find_stack_file() is not None else None
        except FaasError:
            return None


def find_stack_file(folder: Path = Path()) -> Path | None:
    """The stack file of a folder: `stack.yaml`, else `stack.yml`, else the only one there is.

    None when there is none. Raises StackError when there are several and none has a standard name.
    """
    for name in STANDARD:
        if (folder / name).is_file():
            return folder / name
    candidates = _stack_files(folder)
    if len(candidates) > 1:
        names = ", ".join(f"`{path.name}`" for path in candidates)
        raise StackError(f"several stack files are here: {names}", hint="choose one with `-f FILE`")
    return candidates[0] if candidates else None


def stack_with(function: str, folder: Path = Path()) -> Stack:
    """The stack of the folder's file that has this function.

    Raises StackError when there is none or several, or when none has it and one cannot be read.
    """
    found: list[Stack] = []
    names: list[str] = []
    unreadable: StackError | None = None
    for path in _stack_files(folder):
        try:
            stack = load(path)
        except StackError as err:
            unreadable = err
            continue
        names += stack.functions
        found += [stack] if function in stack.functions else []
    if len(found) > 1:
        files = ", ".join(f"`{stack.path}`" for stack in found)
        raise StackError(f"several stack files have a function `{function}`: {files}", hint="choose one with `-f FILE`")
    if not found and (unreadable is not None or not names):
        raise unreadable or StackError("there is no stack file in this folder", hint=_NO_FILE_HINT)
    if not found:
        raise StackError(f"no stack file here has a function `{function}`", hint=f"they have: {', '.join(names)}")
    return found[0]


def open_stack(*files: str, envsubst: bool = True, folder: Path = Path()) -> Stack:
    """The stack of these files (later ones are merged over the first), else the folder's own.

    Raises StackError when there is none, or when it cannot be read.
    """
    sources: Sequence[str | Path] = files
    if not sources and (found := find_stack_file(folder)) is not None:
        sources = (found,)
    if not sources:
        raise StackError("there is no stack file in this folder", hint=_NO_FILE_HINT)
    return load(*sources, envsubst=envsubst)


def single_function_stack(given: Mapping[str, str], files: Sequence[str] = ()) -> Stack:
    """A stack of one function without a stack file: the values of `--image`, `--name`, `--handler` and `--lang`.

    Raises UsageError when one is missing, or when a stack file was named as well.
    """
    if files:
        used = ", ".join(f"`{flag}`" for flag, value in given.items() if value)
        raise UsageError(f"{used} and `-f {files[0]}` exclude each other: the stack file has its own functions")
    missing = [flag for flag, value in given.items() if not value]
    if missing:
        raise UsageError(f"a function without a stack file needs {', '.join(given)}; missing: {', '.join(missing)}")
    function = Function(**{flag.removeprefix("--"): value for flag, value in given.items()})  # type: ignore[arg-type]
    return Stack(provider=Provider(name="openfaas"), functions={function.name: function})


def select(stack: Stack, pattern: str = "", regex: str = "") -> list[Function]:
    """The stack's functions whose names match, in the order of the file.

    `pattern` knows only `*`; `regex` matches anywhere in a name. Raises UsageError when both are
    given or `regex` is not one, StackError when nothing is left.
    """
    if pattern and regex:
        raise UsageError("`--filter` and `--regex` exclude each other")
    functions = list(stack.functions.values())
    file = str(stack.path or "")
    if not functions:
        raise StackError("the stack file has no functions", file=file)
    matcher = _matcher(pattern, regex)
    found = [function for function in functions if matcher.search(function.name)]
    if not found:
        names = ", ".join(stack.functions)
        raise StackError(f"no function matches `{pattern or regex}`", file=file, hint=f"the functions are: {names}")
    return found


def _matcher(pattern: str, regex: str) -> re.Pattern[str]:
    if pattern:
        return re.compile(r"\A" + ".*".join(re.escape(part) for part in pattern.split("*")) + r"\Z", re.DOTALL)
    try:
        return re.compile(regex)
    except re.error as err:
        raise UsageError(f"`--regex {regex}` is not a regular expression: {err}") from None


def _stack_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if _looks_like_stack(path)]


def _looks_like_stack(path: Path) -> bool:
    if path.suffix not in (".yml", ".yaml") or path.name.startswith(".") or not path.is_file():
        return False
    try:
        text = path.read_text(encoding="utf-8")
        # Cheap test first: most YAML files of a project are something else.
        if "functions:" not in text or "provider:" not in text:
            return False
        parse_stack(text, str(path))
    except StackError:
        # An invalid stack file is still the one that is meant; reading it reports the error.
        return True
    except (OSError, UnicodeDecodeError):
        return False
    return True
