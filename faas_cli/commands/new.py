"""`faas new`: create a function from a template."""

from __future__ import annotations

import os

import click

from faas_cli.console import LOGO, Console
from faas_cli.errors import UsageError
from faas_cli.options.deploy import ResourceOptions, resource_options
from faas_cli.options.syntax import FaasCommand, offered, option, pass_console, switch
from faas_cli.templates.find import available
from faas_cli.templates.pull import template_for_new
from faas_cli.templates.scaffold import check_name, create, plan


@click.command(cls=FaasCommand)
@click.argument("name", required=False)
@option("--lang", default="", metavar="NAME", shell_complete=offered("languages"), help="Template.")
@option("--handler", default="", metavar="FOLDER", help="Handler folder; the function's name by default.")
@option(
    "-p",
    "--prefix",
    default=None,
    metavar="PREFIX",
    help="Image prefix: registry, owner, or both; $OPENFAAS_PREFIX by default.",
)
@option("-a", "--append", default="", metavar="FILE", help="Append the function to this stack file.")
@option("-f", "--yaml", "stack_file", default="", metavar="FILE", help="Stack file to write; NAME.yml by default.")
@option("-g", "--gateway", default=None, metavar="URL", help="Gateway of the new stack file.")
@switch("--list", "list_templates", help="List templates.")
@switch("-q", "--quiet", help="Do not print the logo and the template's notes.")
@resource_options
@pass_console
@click.pass_context
def command(
    ctx: click.Context, console: Console, name: str | None, lang: str, handler: str, prefix: str | None, append: str,
    stack_file: str, gateway: str | None, list_templates: bool, quiet: bool, resources: ResourceOptions,
) -> None:  # fmt: skip
    """Create the function NAME and its stack file."""
    if list_templates:
        console.data("Languages available as templates:")
        for template_name in available():
            console.data(f"- {template_name}")
        return
    if not name and not lang:
        console.data(ctx.get_help())
        return
    if not lang:
        raise UsageError("`--lang` is missing", hint=f"it can be: {', '.join(available())}")
    if not name:
        raise UsageError("the function's name is missing", hint=f"faas new --lang {lang} NAME")
    check_name(name)
    template = template_for_new("dockerfile" if lang == "Dockerfile" else lang, report=console.info)
    scaffold = plan(
        name,
        template,
        handler=handler,
        prefix=prefix if prefix is not None else os.environ.get("OPENFAAS_PREFIX", ""),
        append=append,
        stack_file=stack_file,
        gateway=gateway,
        requests=resources.requests,
        limits=resources.limits,
    )
    create(scaffold)
    console.data(f"Folder: {scaffold.handler} created.")
    if not quiet:
        console.banner(LOGO)
        console.data()
    console.data(f"Function created in folder: {scaffold.handler}")
    console.data(f"Stack file {'updated' if append else 'written'}: {scaffold.stack_file}")
    if template.welcome_message and not quiet:
        console.data("\nNotes:")
        console.data(template.welcome_message.rstrip("\n"))
