"""`faas validate`: check a stack file without doing anything."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.deployment.request import DeployFlags, deployment_of
from faas_cli.errors import EXIT_FAILED, FaasError
from faas_cli.images.plan import DOCKERFILE
from faas_cli.images.tags import image_reference
from faas_cli.options import FaasCommand, stack_options
from faas_cli.stack.loader import expand
from faas_cli.stack.model import Configuration, Function, Provider, Stack
from faas_cli.stack.nodes import Value, parse
from faas_cli.stack.select import open_stack, select
from faas_cli.templates.find import find_template
from faas_cli.templates.scaffold import check_name


@click.command(cls=FaasCommand)
@stack_options
def command(stack_file: str, pattern: str, regex: str, envsubst: bool) -> int:
    """Check a stack file: its grammar, its keys, its functions' folders, templates and images."""
    console = Console()
    stack = open_stack(stack_file, envsubst=envsubst)
    problems: list[FaasError] = []
    for function in select(stack, pattern, regex):
        problems += check_function(function)
    for problem in problems:
        console.error(problem.message, problem.hint)
    for path in stack.files:
        for remark in unknown_keys(path, envsubst=envsubst):
            console.warning(remark)
    if problems:
        return EXIT_FAILED
    console.data(f"{stack.path or stack_file}: {len(stack.functions)} functions, no mistakes")
    return 0


def check_function(function: Function, project: Path = Path()) -> list[FaasError]:
    """Everything that would stop this function from being built or deployed."""
    problems: list[FaasError] = []

    def attempt(check: object, *arguments: object) -> None:
        assert callable(check)
        try:
            check(*arguments)
        except FaasError as err:
            problems.append(err)

    attempt(check_name, function.name)
    attempt(image_reference, function, "latest", project)
    if not function.skip_build:
        if function.lang and function.lang.lower() != DOCKERFILE:
            attempt(find_template, function.lang, project)
        elif not function.lang:
            problems.append(
                FaasError(f"`{function.name}` has no `lang`", hint="add `lang: NAME`, or `skip_build: true`")
            )
        if not (project / function.handler).is_dir() or not function.handler:
            problems.append(FaasError(f"`{function.name}`: its handler folder `{function.handler}` is not there"))
    attempt(deployment_of, function, DeployFlags(read_template=False), project)
    return problems


def unknown_keys(path: Path, *, envsubst: bool) -> list[str]:
    """A remark for each key nobody reads, with its line and the nearest one that is known."""
    text = path.read_text(encoding="utf-8-sig")
    return remarks_of(expand(text, str(path)) if envsubst else text, str(path))


def remarks_of(text: str, file: str) -> list[str]:
    """The remarks on the text of a stack file; `file` names it."""
    fields = parse(text, file).fields()
    remarks = _unknown(fields, {name for name in Stack.__struct_fields__ if name != "path"})
    known = {"provider": set(Provider.__struct_fields__), "configuration": set(Configuration.__struct_fields__)}
    for name, names in known.items():
        if name in fields:
            remarks += _unknown(fields[name].fields(), names)
    function_keys = {name for name in Function.__struct_fields__ if name != "name"}
    for function in fields["functions"].fields().values() if "functions" in fields else ():
        remarks += _unknown(function.fields(), function_keys)
    return remarks


def _unknown(fields: dict[str, Value], known: set[str]) -> list[str]:
    remarks = []
    for name, value in fields.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean `{near[0]}`?" if near else ""
            remarks.append(f"{value.file}:{value.line}: `{value.key}` is a key nobody reads{meant}")
    return remarks
