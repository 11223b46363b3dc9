"""`faas new`: make a function from a template."""

from __future__ import annotations

import os
from pathlib import Path

import click

from faas_cli.config import gateway_of
from faas_cli.console import LOGO, Console
from faas_cli.errors import UsageError
from faas_cli.flags import FaasCommand, offered, switch
from faas_cli.scaffold import Scaffold, check_name, create
from faas_cli.stack.edit import append_function, new_stack_text
from faas_cli.stack.model import Function, Resources
from faas_cli.templates.find import available
from faas_cli.templates.obtain import obtain_template


@click.command(cls=FaasCommand)
@click.argument("name", required=False)
@click.option("--lang", default="", shell_complete=offered("languages"), help="Language: the name of a template.")
@click.option("--handler", default="", help="Folder to make; the function's name unless set.")
@click.option("-p", "--prefix", default=None, help="Prefix of the image: a registry, an owner, or both.")
@click.option("-a", "--append", default="", help="Add the function to this stack file.")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to write; NAME.yml unless set.")
@click.option("-g", "--gateway", default=None, help="Address of the gateway, written into a new stack file.")
@click.option("--memory-limit", default="", help="Most memory, for example 128Mi.")
@click.option("--cpu-limit", default="", help="Most CPU, for example 100m.")
@click.option("--memory-request", default="", help="Memory to reserve.")
@click.option("--cpu-request", default="", help="CPU to reserve.")
@switch("--list", help="List the templates.")
@switch("-q", "--quiet", help="Leave out the template's welcome message.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    lang: str,
    handler: str,
    prefix: str | None,
    append: str,
    stack_file: str,
    gateway: str | None,
    memory_limit: str,
    cpu_limit: str,
    memory_request: str,
    cpu_request: str,
    list: bool,
    quiet: bool,
) -> None:
    """Make a new function called NAME, and a stack file for it."""
    console = Console()
    if list:
        console.data("Languages available as templates:")
        for template_name in available():
            console.data(f"- {template_name}")
        return
    if not name and not lang:
        console.data(ctx.get_help())
        return
    if not lang:
        raise UsageError("which language? `--lang` is missing", hint=f"it can be: {', '.join(available())}")
    if not name:
        raise UsageError("the function's name is missing", hint=f"faas new --lang {lang} NAME")
    check_name(name)
    template = obtain_template("dockerfile" if lang == "Dockerfile" else lang, tell=console.info)
    folder = Path(handler or name)
    prefix = (prefix if prefix is not None else os.environ.get("OPENFAAS_PREFIX", "")).strip().rstrip("/")
    function = Function(
        name=name,
        lang=template.name,
        handler=f"./{folder}" if not folder.is_absolute() else str(folder),
        image=f"{prefix}/{name}:latest" if prefix else f"{name}:latest",
        requests=Resources(cpu=cpu_request, memory=memory_request),
        limits=Resources(cpu=cpu_limit, memory=memory_limit),
    )
    path = Path(append or stack_file or f"{name}.yml")
    if path.suffix not in (".yml", ".yaml"):
        raise UsageError(f"`{path}` cannot be a stack file: its name must end in `.yml` or `.yaml`")
    if append:
        if not path.is_file():
            raise UsageError(f"there is no stack file `{path}` to add to")
        text = append_function(path.read_text(encoding="utf-8"), function, str(path))
    else:
        text = new_stack_text(gateway_of(gateway), function)
    create(Scaffold(name, template, folder, path, text, append=bool(append)))
    console.data(f"Folder: {folder} created.")
    console.banner(LOGO)
    console.data()
    console.data(f"Function created in folder: {folder}")
    console.data(f"Stack file {'updated' if append else 'written'}: {path}")
    if template.welcome_message and not quiet:
        console.data("\nNotes:")
        console.data(template.welcome_message.rstrip("\n"))
