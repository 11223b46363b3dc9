"""Manual pages, made from `--help`: one for `faas` and one for every command."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from faas_cli.cli import COMMANDS, root
from faas_cli.help.examples import EXAMPLES
from faas_runtime import __version__

_SECTION = "1"


def pages() -> Iterator[tuple[str, str]]:
    """File name and troff text of every page."""
    names = ["faas", *(f"faas-{'-'.join(words)}" for words, _ in _commands(root, ()))]
    yield f"faas.{_SECTION}", _root_page(names[1:])
    for words, context in _commands(root, ()):
        yield f"faas-{'-'.join(words)}.{_SECTION}", _command_page(words, context)


def _commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    parent = click.Context(group, info_name=" ".join(("faas", *words)))
    for name in sorted(COMMANDS) if group is root else sorted(group.commands):
        command = group.get_command(parent, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        elif command is not None and not command.hidden:
            yield (*words, name), click.Context(command, info_name=name, parent=parent)


def _root_page(others: list[str]) -> str:
    lines = [*_head("faas", "write functions, build them into images, run them anywhere"), ".SH SYNOPSIS"]
    lines += [r"\fBfaas\fR \fICOMMAND\fR [\fIFLAGS\fR]...", ".SH COMMANDS"]
    for name, text in sorted(COMMANDS.items()):
        lines += [".TP", rf"\fB{_plain(name)}\fR", _plain(text)]
    lines += [".SH EXIT STATUS"]
    for code, text in (
        ("0", "success"),
        ("1", "failure"),
        ("2", "invalid command line"),
        ("130", "stopped by Ctrl-C"),
    ):
        lines += [".TP", rf"\fB{code}\fR", text]
    return _text([*lines, ".SH SEE ALSO", ",\n".join(rf"\fB{_plain(name)}\fR({_SECTION})" for name in others)])


def _command_page(words: tuple[str, ...], context: click.Context) -> str:
    command, name = context.command, " ".join(words)
    description = inspect.cleandoc(command.help or "").split("\f")[0]
    lines = [*_head(f"faas-{'-'.join(words)}", _first_sentence(description)), ".SH SYNOPSIS"]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += [rf"\fBfaas {_plain(name)}\fR {_plain(usage)}", ".SH DESCRIPTION"]
    for paragraph in re.split(r"\n\s*\n", description):
        lines += [".PP", *_paragraph(paragraph)]
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    if records:
        lines.append(".SH OPTIONS")
        for flags, text in records:
            lines += [".TP", rf"\fB{_plain(flags)}\fR", _plain(text)]
    lines += [".SH EXAMPLES", ".EX", *(_plain(line) for line in EXAMPLES.get(name, ())), ".EE"]
    return _text([*lines, ".SH SEE ALSO", rf"\fBfaas\fR({_SECTION})"])


def _head(name: str, summary: str) -> list[str]:
    title = f'.TH {name.upper()} {_SECTION} "" "faas {_plain(__version__)}" "faas"'
    return [title, ".nh", ".ad l", ".SH NAME", rf"{_plain(name)} \- {_plain(summary)}"]


def _paragraph(text: str) -> list[str]:
    if text.startswith("\b"):
        # click's mark for preformatted lines.
        return [".EX", *(_plain(line) for line in text.splitlines()[1:]), ".EE"]
    return [_plain(" ".join(text.split()))]


def _first_sentence(text: str) -> str:
    sentence = " ".join(text.partition("\n\n")[0].split()).removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


def _plain(text: str) -> str:
    """Text escaped for troff, with dashes that can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
