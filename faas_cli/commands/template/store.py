"""`faas template store`: templates from the store."""

from __future__ import annotations

import click
import msgspec

from faas_cli.console import Console
from faas_cli.options.syntax import FaasGroup, option, pass_console, switch
from faas_cli.output.formats import TABLE, long_output_options, output_options, structured
from faas_cli.templates.pull import Source, pull
from faas_cli.templates.store import find_in_store, read_store, store_address

_url = option(
    "-u", "--url", default="", metavar="URL", help="Template store; $OPENFAAS_TEMPLATE_STORE_URL, else the public one."
)


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def store() -> None:
    """Find and fetch templates from the store."""


@store.command(name="list")
@_url
@option("-p", "--platform", default="x86_64", show_default=True, metavar="NAME", help="Platform of the templates.")
@switch("-r", "--recommended", help="Only recommended templates.")
@switch("-o", "--official", help="Only official templates.")
@switch("-v", "--verbose", help="Include language and platform.")
@long_output_options
@pass_console
def store_list(
    console: Console, url: str, platform: str, recommended: bool, official: bool, verbose: bool, output_format: str
) -> None:  # fmt: skip
    """List the templates of the store."""
    entries = read_store(store_address(url))
    if recommended:
        entries = [entry for entry in entries if entry.recommended]
    elif official:
        entries = [entry for entry in entries if entry.official == "true"]
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(entries), output_format))
        return
    entries = [entry for entry in entries if entry.platform.lower() == platform.lower()]
    if not entries:
        return
    rows = [
        (each.template, "[x]" if each.recommended else "[ ]", each.source, each.description,
         *((each.language, each.platform) if verbose else ()))
        for each in entries
    ]  # fmt: skip
    more = ("LANGUAGE", "PLATFORM") if verbose else ()
    console.data()
    console.table(("NAME", "RECOMMENDED", "SOURCE", "DESCRIPTION", *more), rows)
    console.data()


@store.command()
@click.argument("name")
@_url
@output_options
@pass_console
def describe(console: Console, name: str, url: str, output_format: str) -> None:
    """Show one template of the store."""
    entry = find_in_store(name, store_address(url))
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(entry), output_format))
        return
    console.fields(
        [
            ("Name", entry.template),
            ("Description", entry.description),
            ("Language", entry.language),
            ("Source", entry.source),
            ("Repository", entry.repo),
            ("Platform", entry.platform),
            ("Official", entry.official),
            ("Recommended", "[x]" if entry.recommended else "[ ]"),
        ]
    )


@store.command(name="pull")
@click.argument("name")
@_url
@switch("--overwrite", default=True, help="Replace existing templates.")
@switch("--debug", expose_value=False, help="Accepted for compatibility.")
@pass_console
def store_pull(console: Console, name: str, url: str, overwrite: bool) -> None:
    """Fetch all templates of the repository with the template NAME (`name`, `source/name` or `name@ref`)."""
    plain, _, ref = name.partition("@")
    source = Source(find_in_store(plain, store_address(url)).repo, ref)
    console.info(f"Fetching templates from {source.repository}{f' [{ref}]' if ref else ''}")
    pulled = pull(source, overwrite=overwrite)
    console.data(f"Wrote {len(pulled.names)} template(s) : [{' '.join(pulled.names)}]")
