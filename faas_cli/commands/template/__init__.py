"""`faas template`: fetch, create and test templates."""

from __future__ import annotations

import os
from pathlib import Path

import click

from faas_cli.commands.template.store import store
from faas_cli.console import Console
from faas_cli.errors import FaasError, UsageError
from faas_cli.options.syntax import Duration, FaasGroup, option, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import open_stack
from faas_cli.templates.pull import DEFAULT_REPOSITORY, Pulled, parse_source, pull
from faas_cli.templates.stack_templates import add_to_stack, pull_stack, pull_stack_locked, start_template


@click.group(cls=FaasGroup)
def command() -> None:
    """Fetch, create and test templates."""


command.add_command(store)


@command.command(name="pull")
@click.argument("source", required=False, default="")
@option("-f", "--yaml", "stack_file", default="", metavar="FILE", help="Stack file, for `pull stack`.")
@switch("--overwrite", default=True, help="Replace existing templates.")
@switch("--locked", help="Fetch exactly the commits in template.lock.")
@switch("--debug", expose_value=False, help="Accepted for compatibility.")
@pass_console
def pull_command(console: Console, source: str, stack_file: str, overwrite: bool, locked: bool) -> None:
    """Fetch the templates of a repository or of a stack file.

    SOURCE is `URL[#branch, #tag or #sha-COMMIT]`, or `stack` for the templates of the stack file.
    """
    if locked and source != "stack":
        raise UsageError("`--locked` needs `stack`", hint="faas template pull stack --locked")
    if source != "stack":
        chosen = parse_source(source or os.environ.get("OPENFAAS_TEMPLATE_URL") or DEFAULT_REPOSITORY)
        console.info(f"Fetching templates from {chosen.repository}{f' [{chosen.ref}]' if chosen.ref else ''}")
        console.data(_wrote(pull(chosen, overwrite=overwrite)))
        return
    stack = open_stack(*([stack_file] if stack_file else []), envsubst=False)
    if locked:
        for name, changed, commit in pull_stack_locked(stack):
            console.data(f"{name}: {'written' if changed else 'up to date'}, commit {commit[:12]}")
        return
    for pulled in pull_stack(stack, console.info, overwrite=overwrite):
        console.data(_wrote(pulled))


def _wrote(pulled: Pulled) -> str:
    return f"Wrote {len(pulled.names)} template(s) : [{' '.join(pulled.names)}]"


@command.command(name="add")
@click.argument("name")
@click.argument("source", required=False, default="")
@option("-f", "--yaml", "stack_file", default="", metavar="FILE", help="Stack file to change.")
@pass_console
def add(console: Console, name: str, source: str, stack_file: str) -> None:
    """Add the template NAME and its repository to a stack file; the rest of the file stays as it is."""
    path = add_to_stack(name, source, stack_file)
    console.data(f"Template {name} added to {path}\nFetch it: faas template pull stack -f {path}")


@command.command(name="new")
@click.argument("name")
@option("--from", "base", default="python", show_default=True, metavar="NAME", help="Template to copy.")
@pass_console
def new(console: Console, name: str, base: str) -> None:
    """Create the template NAME in `./template` from an existing one."""
    console.data(f"Template written: {start_template(name, base)}\nTry it: faas new --lang {name} hello")


@command.command(name="test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@option("--body", default="faas", show_default=True, metavar="BODY", help="Body of the test call.")
@option("--timeout", type=Duration(), default="30s", show_default=True, help="Timeout of the start, and of the call.")
@switch("--quiet", help="Hide tool output.")
@output_options
@pass_console
def run_tests(
    console: Console, names: tuple[str, ...], body: str, timeout: float, quiet: bool, output_format: str
) -> None:  # fmt: skip
    """Test templates: create a function, build it without an engine, run its tests, start and call it.

    Without a NAME, test every template in `./template`.
    """
    import msgspec

    from faas_cli.templates.find import MANIFEST, PROJECT_FOLDER
    from faas_cli.templates.testing import TemplateTest, TestStep

    chosen = names or tuple(sorted(path.parent.name for path in Path(PROJECT_FOLDER).glob(f"*/{MANIFEST}")))
    if not chosen:
        raise UsageError(f"there is no template in `./{PROJECT_FOLDER}`", hint="name one: faas template test go")
    console.quiet = quiet
    steps: list[TestStep] = []

    def report(step: TestStep) -> None:
        steps.append(step)
        if output_format == TABLE:
            verdict = "pass" if step.passed else "FAIL"
            reason = f"  {step.detail}" if step.detail else ""
            console.data(f"{step.template}  {step.step:<8}  {verdict}  {step.seconds:.2f} s{reason}")

    failed = [name for name in chosen if not TemplateTest(name, body.encode(), timeout, report, console.info).run()]
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(steps), output_format))
    if failed:
        raise FaasError(f"{len(failed)} of {len(chosen)} templates failed: {', '.join(failed)}")
