"""Checks of a stack file: everything that would stop a function from being built or deployed, and unknown keys."""

from __future__ import annotations

import difflib
from pathlib import Path

from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.errors import FaasError
from faas_cli.images.plan import DOCKERFILE
from faas_cli.images.tags import image_reference
from faas_cli.stack.loader import expand
from faas_cli.stack.model import Configuration, Function, Provider, Stack
from faas_cli.stack.nodes import Value, parse
from faas_cli.templates.find import find_template
from faas_cli.templates.scaffold import check_name


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
            problems.append(FaasError(f"`{function.name}`: the handler folder `{function.handler}` does not exist"))
    attempt(deployment_of, function, DeployOptions(read_template=False), project)
    return problems


def unknown_keys(path: Path, *, envsubst: bool) -> list[str]:
    """A warning for each unknown key, with its line and the nearest known one."""
    text = path.read_text(encoding="utf-8-sig")
    return warnings_in(expand(text, str(path)) if envsubst else text, str(path))


def warnings_in(text: str, file: str) -> list[str]:
    """The warnings for the text of a stack file; `file` names it."""
    fields = parse(text, file).fields()
    warnings = _unknown(fields, {name for name in Stack.__struct_fields__ if name != "path"})
    known = {"provider": set(Provider.__struct_fields__), "configuration": set(Configuration.__struct_fields__)}
    for name, names in known.items():
        if name in fields:
            warnings += _unknown(fields[name].fields(), names)
    function_keys = {name for name in Function.__struct_fields__ if name != "name"}
    for function in fields["functions"].fields().values() if "functions" in fields else ():
        warnings += _unknown(function.fields(), function_keys)
    return warnings


def _unknown(fields: dict[str, Value], known: set[str]) -> list[str]:
    warnings = []
    for name, value in fields.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean `{near[0]}`?" if near else ""
            warnings.append(f"{value.file}:{value.line}: `{value.key}` is an unknown key{meant}")
    return warnings
