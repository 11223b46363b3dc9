"""Building the functions of a stack, with a report on the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildResult
from faas_cli.images.plan import build_functions, refusals
from faas_cli.images.report import ConsoleReporter

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.stack.model import Function, Stack


def build_all(
    stack: Stack,
    functions: Sequence[Function],
    options: BuildOptions,
    console: Console,
    gateway: str | None = None,
    *,
    deployed: bool = True,
) -> list[BuildResult]:
    """Build functions for a gateway (the stack file's unless typed), and report each; one result each.

    A build that fails is in its result. Raises UsageError, FaasError when no builder can be chosen, or when one of
    the functions cannot be built for the gateway: then none is built. The gateway does not matter unless `deployed`.
    """
    builder = choose_builder(options, stack, console, gateway, deployed=deployed)
    if refused := refusals(stack, functions, options, builder):
        for error in refused[:-1]:
            console.error(error.message, error.hint, error.detail)
        raise refused[-1]
    with ConsoleReporter(console, functions, options) as report:
        results = build_functions(stack, functions, options, report, builder)
    report.summary(results)
    return results


def build_and_push(
    stack: Stack,
    functions: Sequence[Function],
    options: BuildOptions,
    console: Console,
    gateway: str | None = None,
    *,
    push: bool = True,
) -> bool:
    """Build functions and push those whose images name a registry; return whether everything succeeded."""
    results = build_all(stack, functions, options, console, gateway)
    if any(result.error is not None for result in results):
        return False
    if options.shrinkwrap or options.remote_builder or not push:
        return True
    # Imported only here: the registry client takes long to load.
    from faas_cli.images.push import push_remote

    return push_remote(functions, options.tag, options.parallel, console)
