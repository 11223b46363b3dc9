"""`faas generate`: a stack as manifests for another system."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.deployment.function_store import find_function, function_of
from faas_cli.deployment.generate import DOCKER, OPENFAAS, SHORT_NAMES, manifests
from faas_cli.errors import UsageError
from faas_cli.options.build import tag_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, Pair, option, pass_console
from faas_cli.stack.select import StackOptions

_STORE = "Function store options"


@click.command(cls=FaasCommand)
@option(
    "--api",
    default=OPENFAAS,
    show_default=True,
    metavar="NAME",
    help=f"Target: {', '.join(SHORT_NAMES)}, {DOCKER}, or an API version.",
)
@option(
    "-n",
    "--namespace",
    default=None,
    metavar="NAME",
    help="Namespace of the resources; empty for none. The function's own by default.",
)
@tag_option
@stack_options
@option("--from-store", default="", metavar="NAME", section=_STORE, help="Function of the store, no stack file.")
@option("--name", default="", metavar="NAME", section=_STORE, help="Rename it.")
@option(
    "--arch", default="x86_64", show_default=True, metavar="ARCH", section=_STORE, help="Architecture of its image."
)
@option("--annotation", "annotations", type=Pair(), multiple=True, section=_STORE, help="Annotation to add.")
@option("--label", "labels", type=Pair(), multiple=True, section=_STORE, help="Label to add.")
@pass_console
def command(
    console: Console, api: str, namespace: str | None, tag: str, stack: StackOptions, from_store: str, name: str,
    arch: str, annotations: tuple[tuple[str, str], ...], labels: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Print the functions of a stack as manifests for `kubectl apply` or `docker stack deploy`."""
    if from_store:
        if tag.lower() == "digest":
            raise UsageError("`--tag digest` needs a handler folder, which `--from-store` does not have")
        function = function_of(find_function(from_store, "", arch), arch, name)
        if function.fprocess:
            function.environment = {**function.environment, "fprocess": function.fprocess}
        function.labels = {**(function.labels or {}), **dict(labels)}
        function.annotations = {**(function.annotations or {}), **dict(annotations)}
        functions = [function]
    else:
        functions = sorted(stack.read()[1], key=lambda each: each.name)
    for text in manifests(functions, api, tag, namespace):
        console.data(f"---\n{text}", end="")
    console.data()
