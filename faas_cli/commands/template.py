"""`faas template`: fetch templates from repositories and the store."""

from __future__ import annotations

import os
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError, UsageError
from faas_cli.options import Duration, FaasGroup, switch
from faas_cli.output.formats import TABLE, long_output_options, output_options, structured
from faas_cli.stack.edit import append_template, edit_file
from faas_cli.stack.loader import load, parse_stack
from faas_cli.stack.model import Stack, TemplateSource
from faas_cli.stack.select import find_stack_file, open_stack
from faas_cli.templates.lock import read_lock
from faas_cli.templates.pull import DEFAULT_REPOSITORY, Pulled, Source, parse_source, pull, pull_locked
from faas_cli.templates.store import StoreTemplate, find_in_store, read_store, store_address


@click.group(cls=FaasGroup)
def command() -> None:
    """Fetch templates from repositories and the store."""


@command.command(name="pull")
@click.argument("source", required=False, default="")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file, for `pull stack`.")
@switch("--overwrite", default=True, help="Replace templates that are here.")
@switch("--locked", help="Take exactly the commits that template.lock names.")
@switch("--debug", help="Accepted for compatibility.")
def pull_command(source: str, stack_file: str, overwrite: bool, locked: bool, debug: bool) -> None:
    """Fetch the templates of a repository, `URL[#branch, #tag or #sha-COMMIT]`, or of a stack file, `stack`."""
    console = Console()
    if locked and source != "stack":
        raise UsageError("`--locked` goes with `stack`: faas template pull stack --locked")
    if source == "stack":
        _pull_stack(stack_file, console, overwrite=overwrite, locked=locked)
        return
    wanted = parse_source(source or os.environ.get("OPENFAAS_TEMPLATE_URL") or DEFAULT_REPOSITORY)
    console.info(f"Fetching templates from {wanted.repository}{f' [{wanted.ref}]' if wanted.ref else ''}")
    _tell(pull(wanted, overwrite=overwrite), console)


def _pull_stack(stack_file: str, console: Console, *, overwrite: bool, locked: bool) -> None:
    stack = open_stack(stack_file, envsubst=False)
    if locked:
        _pull_locked(stack, console)
        return
    if not stack.configuration.templates:
        raise FaasError("the stack file names no templates", hint="list them under `configuration.templates`")
    for entry in stack.configuration.templates:
        source = _source_of(entry.name, entry.source)
        console.info(f"Pulling template: {entry.name} from {source.repository}")
        _tell(pull(source, only=entry.name.partition("@")[0], overwrite=overwrite, named=entry.name), console)


def _pull_locked(stack: Stack, console: Console) -> None:
    """Every template of the stack file, and those its functions use that the lock names."""
    entries = read_lock()
    used = [function.lang for function in stack.functions.values() if function.lang in entries]
    names = list(dict.fromkeys([*(entry.name for entry in stack.configuration.templates), *used]))
    if not names:
        raise FaasError(
            "neither the stack file nor template.lock names a template", hint="pull once without `--locked`"
        )
    for name in names:
        changed = pull_locked(name)
        console.data(f"{name}: {'written' if changed else 'up to date'}, commit {entries[name].commit[:12]}")


def _source_of(name: str, source: str) -> Source:
    return parse_source(source or find_in_store(name.partition("@")[0], store_address()).repo)


def _tell(pulled: Pulled, console: Console) -> None:
    console.data(f"Wrote {len(pulled.names)} template(s) : [{' '.join(pulled.names)}]")


@command.command(name="add")
@click.argument("name")
@click.argument("source", required=False, default="")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to write it into.")
def add(name: str, source: str, stack_file: str) -> None:
    """Write the template NAME and its repository into a stack file; everything else in it stays as it is."""
    path = Path(stack_file) if stack_file else find_stack_file()
    if path is None:
        raise FaasError("there is no stack file in this folder", hint="name one with `-f FILE`")
    # Read as a stack first: a mistake in it is told before anything is written.
    load(path, envsubst=False)
    if source:
        parse_source(source)

    def with_template(text: str) -> str:
        changed = append_template(text, TemplateSource(name=name, source=source), str(path))
        if name not in [entry.name for entry in parse_stack(changed, str(path)).configuration.templates]:
            raise FaasError(
                f"`{path}` cannot be added to", hint="write the template under `configuration.templates` by hand"
            )
        return changed

    edit_file(path, with_template)
    Console().data(f"Template {name} added to {path}\nFetch it: faas template pull stack -f {path}")


@command.group(cls=FaasGroup, aliases={"ls": "list"})
def store() -> None:
    """Look for templates in the store."""


_URL_OPTION = click.option("-u", "--url", default="", help="Address of the store.")


@store.command(name="list")
@_URL_OPTION
@click.option("-p", "--platform", default="x86_64", show_default=True, help="Platform the templates are for.")
@switch("-r", "--recommended", help="Only recommended ones.")
@switch("-o", "--official", help="Only official ones.")
@switch("-v", "--verbose", help="Language and platform as well.")
@long_output_options
def store_list(url: str, platform: str, recommended: bool, official: bool, verbose: bool, form: str) -> None:
    """List the templates of the store."""
    console = Console()
    entries = read_store(store_address(url))
    if recommended:
        entries = [entry for entry in entries if entry.recommended]
    elif official:
        entries = [entry for entry in entries if entry.official == "true"]
    if form != TABLE:
        import msgspec

        console.data(structured(msgspec.to_builtins(entries), form))
        return
    entries = [entry for entry in entries if entry.platform.lower() == platform.lower()]
    if entries:
        console.data(_table(entries, verbose=verbose))


def _table(entries: list[StoreTemplate], *, verbose: bool) -> str:
    rows = [["NAME", "RECOMMENDED", "SOURCE", "DESCRIPTION", *(["LANGUAGE", "PLATFORM"] if verbose else [])]]
    for entry in entries:
        row = [entry.template, "[x]" if entry.recommended else "[ ]", entry.source, entry.description]
        rows.append([*row, *([entry.language, entry.platform] if verbose else [])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n" + "\n".join(lines) + "\n"


@store.command()
@click.argument("name")
@_URL_OPTION
@output_options
def describe(name: str, url: str, form: str) -> None:
    """Show one template of the store."""
    console = Console()
    entry = find_in_store(name, store_address(url))
    if form != TABLE:
        import msgspec

        console.data(structured(msgspec.to_builtins(entry), form))
        return
    pairs = [
        ("Name", entry.template),
        ("Description", entry.description),
        ("Language", entry.language),
        ("Source", entry.source),
        ("Repository", entry.repo),
        ("Platform", entry.platform),
        ("Official", entry.official),
        ("Recommended", "[x]" if entry.recommended else "[ ]"),
    ]
    for label, value in pairs:
        console.data(f"{label + ':':<13}{value}")


@store.command(name="pull")
@click.argument("name")
@_URL_OPTION
@switch("--overwrite", default=True, help="Replace templates that are here.")
@switch("--debug", help="Accepted for compatibility.")
def store_pull(name: str, url: str, overwrite: bool, debug: bool) -> None:
    """Fetch all templates of the repository that has the template NAME (`name`, `source/name` or `name@ref`)."""
    console = Console()
    plain, _, ref = name.partition("@")
    source = Source(find_in_store(plain, store_address(url)).repo, ref)
    console.info(f"Fetching templates from {source.repository}{f' [{ref}]' if ref else ''}")
    _tell(pull(source, overwrite=overwrite), console)


@command.command(name="new")
@click.argument("name")
@click.option("--from", "base", default="python", show_default=True, help="Template to begin with.")
def new(name: str, base: str) -> None:
    """Start a template called NAME in `./template`, from one that is there."""
    import shutil

    from faas_cli.templates.find import PROJECT_FOLDER, find_template

    target = Path(PROJECT_FOLDER) / name
    if target.exists():
        raise UsageError(f"`{target}` is there already; nothing was changed")
    source = find_template(base).folder
    target.parent.mkdir(exist_ok=True)
    shutil.copytree(source, target)
    Console().data(f"Template written: {target}\nTry it: faas new --lang {name} hello")


@command.command(name="test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--body", default="faas", show_default=True, help="What the function is called with.")
@click.option(
    "--timeout", type=Duration(), default="30s", show_default=True, help="Until it must be ready, and answer."
)
@switch("--quiet", help="Hide what the tools print.")
@output_options
def try_out(names: tuple[str, ...], body: str, timeout: float, quiet: bool, form: str) -> int:
    """Make a function of a template, build it without an engine, run its tests, start it and call it.

    Without a NAME, every template in `./template` is tried.
    """
    import msgspec

    from faas_cli.templates.find import MANIFEST, PROJECT_FOLDER
    from faas_cli.templates.testing import TemplateTest, TestStep

    wanted = names or tuple(sorted(path.parent.name for path in Path(PROJECT_FOLDER).glob(f"*/{MANIFEST}")))
    if not wanted:
        raise UsageError(f"there is no template in `./{PROJECT_FOLDER}`", hint="name one: faas template test go")
    console = Console(quiet=quiet)
    steps: list[TestStep] = []

    def tell(step: TestStep) -> None:
        steps.append(step)
        if form == TABLE:
            verdict = "pass" if step.passed else "FAIL"
            reason = f"  {step.detail}" if step.detail else ""
            console.data(f"{step.template}  {step.step:<8}  {verdict}  {step.seconds:.2f} s{reason}")

    failed = [name for name in wanted if not TemplateTest(name, body.encode(), timeout, tell, console.info).run()]
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(steps), form))
    if failed:
        raise FaasError(f"{len(failed)} of {len(wanted)} templates do not work: {', '.join(failed)}")
    return 0
