"""Writing stack files: a new one, or one more function in a file whose comments and order stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.stack.model import Function, Resources, TemplateSource
from faas_cli.stack.nodes import Value, parse
from faas_runtime.core.files import locked, write_file

if TYPE_CHECKING:
    from yaml import MappingNode, Mark


_LINE = re.compile(r".*?(?:\r\n|[\n\r\x85\u2028\u2029]|\Z)", re.DOTALL)
"""A line as YAML counts them, with its end."""


def new_stack_text(gateway: str, function: Function) -> str:
    """The text of a stack file with one function, in the layout of faas-cli."""
    head = f"version: 1.0\nprovider:\n  name: openfaas\n  gateway: {gateway}\nfunctions:\n"
    return head + function_text(function, "  ") + "\n"


def function_text(function: Function, indent: str) -> str:
    """One entry of the `functions` map, its name indented by `indent`."""
    lines = [
        f"{function.name}:",
        f"  lang: {function.lang}",
        f"  handler: {function.handler}",
        f"  image: {function.image}",
    ]
    for key, resources in (("requests", function.requests), ("limits", function.limits)):
        lines += _resources(key, resources)
    return "".join(f"{indent}{line}\n" for line in lines)


def edit_file(path: Path, change: Callable[[str], str]) -> str:
    """Replace a stack file's text with `change(text)`, line ends unchanged; return the previous text.

    A lock serializes edits of several processes. Raises OSError.
    """
    with locked(path.parent):
        before = path.read_bytes().decode("utf-8")
        write_file(path, change(before), parents=False)
    return before


def append_function(text: str, function: Function, file: str) -> str:
    """The file's text with one more function at the end of its `functions` map.

    Raises StackError when a function of that name exists, or when the map cannot be extended.
    """
    root = parse(text, file)
    functions = root.fields().get("functions")
    if functions is None:
        return _at_end(text, "functions:\n" + function_text(function, "  "))
    if functions.is_null:
        return _insert(text, functions.node.end_mark.line + 1 if functions.node else 0, function_text(function, "  "))
    names = functions.fields()
    if function.name in names:
        names[function.name].fail("already exists; nothing was changed", hint="choose another name")
    node = functions.node
    assert node is not None
    _refuse_braces(functions)
    first = node.value[0][0].start_mark
    return _insert(text, _last_line(node) + 1, function_text(function, " " * first.column))


def append_template(text: str, template: TemplateSource, file: str) -> str:
    """The file's text with one more entry in `configuration.templates`.

    Raises StackError when the template is in the list already, or when the list cannot be extended.
    """
    configuration = parse(text, file).fields().get("configuration")
    if configuration is None:
        return _at_end(text, "configuration:\n  templates:\n" + _template_text(template, "    "))
    templates = configuration.fields().get("templates")
    if templates is None or templates.is_null:
        whole = templates if templates is not None else configuration
        if templates is not None or configuration.is_null:
            key = "" if templates is not None else "  templates:\n"
            return _insert(text, whole.line, key + _template_text(template, "    "))
        first = _first_key(configuration)
        indent = " " * first.column
        return _insert(text, first.line, f"{indent}templates:\n" + _template_text(template, indent + "  "))
    for item in templates.items():
        if item.texts().get("name") == template.name:
            item.fail(f"is `{template.name}` already; nothing was changed")
    _refuse_braces(templates)
    if not templates.items():
        templates.fail("is empty brackets and cannot be extended", hint="remove the brackets, then try again")
    return _insert(
        text, _last_line(templates.node) + 1, _template_text(template, " " * templates.node.start_mark.column)
    )


def _template_text(template: TemplateSource, indent: str) -> str:
    source = f"{indent}  source: {template.source}\n" if template.source else ""
    return f"{indent}- name: {template.name}\n{source}"


def _first_key(value: Value) -> Mark:
    _refuse_braces(value)
    mark: Mark = value.node.value[0][0].start_mark
    return mark


def _refuse_braces(value: Value) -> None:
    if getattr(value.node, "flow_style", False):
        value.fail("is written in braces and cannot be extended", hint="write one key a line, then try again")


def _last_line(node: MappingNode) -> int:
    """Number of the last line (from 0) that holds something of a block map; comments after it are not its own."""
    last = node
    while last.id in ("mapping", "sequence") and last.value and not getattr(last, "flow_style", False):
        last = last.value[-1][1] if last.id == "mapping" else last.value[-1]
    mark = last.end_mark
    # A plain scalar ends in its line; a block scalar at the beginning of the line after.
    return mark.line - 1 if mark.column == 0 and mark.line > last.start_mark.line else mark.line


def _insert(text: str, line: int, addition: str) -> str:
    lines = _LINE.findall(_with_newline(text))
    return "".join(lines[:line]) + addition.replace("\n", _line_end(text)) + "".join(lines[line:])


def _at_end(text: str, addition: str) -> str:
    return _with_newline(text) + addition.replace("\n", _line_end(text))


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else text + _line_end(text)


def _line_end(text: str) -> str:
    """How the file ends its lines: by its first one."""
    found = re.search(r"\r?\n", text)
    return found[0] if found else "\n"


def _resources(key: str, resources: Resources | None) -> list[str]:
    if resources is None or not (resources.cpu or resources.memory):
        return []
    lines = [f"  {key}:"]
    if resources.cpu:
        lines.append(f"    cpu: {resources.cpu}")
    if resources.memory:
        lines.append(f"    memory: {resources.memory}")
    return lines
