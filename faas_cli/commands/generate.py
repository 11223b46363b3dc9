"""`faas generate`: a stack as resources of another system."""

from __future__ import annotations

import click
import msgspec

from faas_cli.console import Console
from faas_cli.deployment.generate import DOCKER, OPENFAAS, SHORT_NAMES, documents
from faas_cli.errors import UsageError
from faas_cli.images.tags import image_reference
from faas_cli.options import FaasCommand, Pair, stack_options
from faas_cli.stack.model import Function
from faas_cli.stack.select import open_stack, select
from faas_runtime.core.api import DEFAULT_NAMESPACE


@click.command(cls=FaasCommand)
@stack_options
@click.option(
    "--api", default=OPENFAAS, show_default=True, help=f"{', '.join(SHORT_NAMES)}, {DOCKER}, or an API version."
)
@click.option("-n", "--namespace", default=None, help="Namespace of the resources; empty for none.")
@click.option("--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest.")
@click.option("--from-store", default="", help="A function of the store instead of a stack file.")
@click.option("--name", default="", help="Another name for it.")
@click.option("--arch", default="x86_64", show_default=True, help="Which of its images.")
@click.option("--annotation", "annotations", type=Pair(), multiple=True, help="Annotation KEY=VALUE for it.")
@click.option("--label", "labels", type=Pair(), multiple=True, help="Label KEY=VALUE for it.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool, api: str, namespace: str | None, tag: str,
    from_store: str, name: str, arch: str,
    annotations: tuple[tuple[str, str], ...], labels: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Write the functions of a stack as resources for `kubectl apply` or `docker stack deploy`."""
    import yaml

    if from_store:
        if tag.lower() == "digest":
            raise UsageError("`--tag digest` needs a handler folder, and `--from-store` has none")
        functions = [_from_store(from_store, name, arch, dict(annotations), dict(labels))]
    else:
        functions = sorted(
            select(open_stack(stack_file, envsubst=envsubst), pattern, regex), key=lambda each: each.name
        )
    tagged = [msgspec.structs.replace(each, image=image_reference(each, tag)) for each in functions]

    def where(function: Function) -> str:
        return (function.namespace or DEFAULT_NAMESPACE) if namespace is None else namespace

    console = Console()
    for document in documents(tagged, api, where):
        console.out.write(
            "---\n" + yaml.dump(document, Dumper=_plain_dumper(), sort_keys=False, default_flow_style=False)
        )
    console.data()


def _plain_dumper() -> type:
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes out what occurs twice: `kubectl` users read this."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain


def _from_store(name: str, rename: str, arch: str, annotations: dict[str, str], labels: dict[str, str]) -> Function:
    from faas_cli.commands.store import function_of
    from faas_cli.deployment.function_store import find_function

    function = function_of(find_function(name, "", arch), arch, rename)
    if function.fprocess:
        function.environment = {**function.environment, "fprocess": function.fprocess}
    function.labels = {**(function.labels or {}), **labels}
    function.annotations = {**(function.annotations or {}), **annotations}
    return function
