"""`faas new`: make a function from a template."""

from __future__ import annotations

import os

import click

from faas_cli.console import LOGO, Console
from faas_cli.errors import UsageError
from faas_cli.options import FaasCommand, offered, switch
from faas_cli.stack.model import Resources
from faas_cli.templates.find import available
from faas_cli.templates.pull import obtain_template
from faas_cli.templates.scaffold import check_name, create, plan


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
    template = obtain_template("dockerfile" if lang == "Dockerfile" else lang, report=console.info)
    scaffold = plan(
        name,
        template,
        handler=handler,
        prefix=prefix if prefix is not None else os.environ.get("OPENFAAS_PREFIX", ""),
        append=append,
        stack_file=stack_file,
        gateway=gateway,
        requests=Resources(cpu=cpu_request, memory=memory_request),
        limits=Resources(cpu=cpu_limit, memory=memory_limit),
    )
    create(scaffold)
    folder = scaffold.handler
    console.data(f"Folder: {folder} created.")
    console.banner(LOGO)
    console.data()
    console.data(f"Function created in folder: {folder}")
    console.data(f"Stack file {'updated' if append else 'written'}: {scaffold.stack_file}")
    if template.welcome_message and not quiet:
        console.data("\nNotes:")
        console.data(template.welcome_message.rstrip("\n"))
