"""Where values come from: every value in effect, with the file and line, flag or variable it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from faas_cli.gateway.credentials import config_path, gateway_of
from faas_cli.stack.loader import expand
from faas_cli.stack.model import Stack
from faas_cli.stack.nodes import Value, parse
from faas_cli.stack.select import StackOptions
from faas_cli.stack.variables import origin
from faas_runtime.core.paths import default_state_dir

Row = tuple[str, str, str]
"""Key, value, source."""


def explain(options: StackOptions, gateway: str | None) -> list[Row]:
    """Every value of a stack's chosen functions, and what the toolchain itself uses. Raises FaasError."""
    stack, functions = options.read()
    names = {function.name for function in functions}
    # Of a key that is in several files the last one wins.
    found = {row[0]: row for path in stack.files for row in _functions(path, names, envsubst=options.envsubst)}
    return [*_general(stack, gateway), *found.values()]


def _general(stack: Stack, typed: str | None) -> Iterator[Row]:
    in_stack = stack.provider.gateway
    source = "default"
    if typed:
        source = "--gateway"
    elif in_stack:
        source = str(stack.path or "stack file")
    elif os.environ.get("OPENFAAS_URL"):
        source = "OPENFAAS_URL"
    yield "gateway", gateway_of(typed, in_stack), source
    yield "state", str(default_state_dir()), "FAAS_STATE_DIR" if os.environ.get("FAAS_STATE_DIR") else "default"
    yield "credentials", str(config_path()), "OPENFAAS_CONFIG" if os.environ.get("OPENFAAS_CONFIG") else "default"


def _functions(path: Path, names: set[str], *, envsubst: bool) -> Iterator[Row]:
    raw = path.read_text(encoding="utf-8")
    functions = parse(expand(raw, str(path)) if envsubst else raw, str(path)).fields().get("functions")
    written = raw.splitlines()
    for name, function in functions.fields().items() if functions is not None else ():
        if name not in names:
            continue
        for value in _leaves(function):
            line = value.node.start_mark.line
            used = re.findall(r"(?<!\$)\$\{#?(\w+)", written[line]) if line < len(written) else []
            source = f"{path}:{line + 1}"
            source += "".join(f", ${{{each}}}: {origin(each)}" for each in used) if envsubst else ""
            yield value.key.removeprefix("functions."), value.text(), source
        fields = function.fields()
        for item in fields["environment_file"].items() if "environment_file" in fields else ():
            yield from _environment_file(name, Path(item.text()))


def _environment_file(name: str, path: Path) -> Iterator[Row]:
    environment = parse(path.read_text(encoding="utf-8"), str(path)).fields().get("environment")
    for key, value in environment.fields().items() if environment is not None else ():
        yield f"{name}.environment.{key}", value.text(), f"{path}:{value.node.start_mark.line + 1}"


def _leaves(value: Value) -> Iterator[Value]:
    kind = value.node.id if value.node is not None else ""
    if kind == "mapping":
        for child in value.fields().values():
            yield from _leaves(child)
    elif kind == "sequence":
        for child in value.items():
            yield from _leaves(child)
    elif kind == "scalar":
        yield value
