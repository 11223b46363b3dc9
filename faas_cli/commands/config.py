"""`faas config explain`: every value that counts, and the file and line it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.gateway.credentials import config_path, gateway_of
from faas_cli.options import FaasGroup, stack_options
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.loader import expand
from faas_cli.stack.model import Stack
from faas_cli.stack.nodes import Value, parse
from faas_cli.stack.select import open_stack, select
from faas_cli.stack.variables import origin
from faas_runtime.core.paths import default_state_dir


@click.group(cls=FaasGroup)
def command() -> None:
    """Explain where values come from."""


@command.command()
@stack_options
@click.option("-g", "--gateway", default=None, help="Address of the gateway.")
@output_options
def explain(stack_file: str, pattern: str, regex: str, envsubst: bool, gateway: str | None, form: str) -> None:
    """Show every value of the stack with the file and line it comes from."""
    console = Console()
    stack = open_stack(stack_file, envsubst=envsubst)
    rows = [*_general(stack, gateway)]
    names = {function.name for function in select(stack, pattern, regex)}
    # Of a key that is in several files the last one counts.
    found = {row[0]: row for path in stack.files for row in _functions(path, names, envsubst=envsubst)}
    rows += found.values()
    if form != TABLE:
        values = [{"key": key, "value": value, "source": source} for key, value, source in rows]
        console.data(structured(values, form))
        return
    width = max(len(key) for key, _, _ in rows)
    for key, value, source in rows:
        console.data(f"{key:<{width}}  {value}  ({source})")


def _general(stack: Stack, typed: str | None) -> Iterator[tuple[str, str, str]]:
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


def _functions(path: Path, names: set[str], *, envsubst: bool) -> Iterator[tuple[str, str, str]]:
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


def _environment_file(name: str, path: Path) -> Iterator[tuple[str, str, str]]:
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
