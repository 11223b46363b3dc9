"""`faas publish`: build for several platforms and push, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from faas_cli.commands.build import build_flags, options_of
from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, FaasError, UsageError
from faas_cli.images.context_files import complete
from faas_cli.images.dockerfile.render import uses_buildkit
from faas_cli.images.model import BuildOptions
from faas_cli.images.plan import prepare
from faas_cli.images.publish import choose_publisher
from faas_cli.images.report import ConsoleReporter
from faas_cli.options import FaasCommand, stack_options, switch
from faas_cli.registry.reference import check_pushable
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select

ARCHITECTURES = ("amd64", "arm64")


@click.command(cls=FaasCommand)
@stack_options
@build_flags
@click.option("--platforms", default="", help="Platforms, with commas; the stack file's, else linux/amd64.")
@click.option("--extra-tag", "extra_tags", multiple=True, help="Further tag for the same image.")
@switch("--reset-qemu", help="Accepted for compatibility; nothing is emulated.")
@switch("--quiet", help="Hide what the tools print.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    platforms: str, extra_tags: tuple[str, ...], reset_qemu: bool, quiet: bool, **flags: Any,
) -> int:  # fmt: skip
    """Build the functions of a stack for several platforms and push them."""
    console = Console(quiet=quiet)
    stack = open_stack(stack_file, envsubst=envsubst)
    options = options_of(flags, quiet=quiet)
    functions = select(stack, pattern, regex)
    return 0 if publish_all(stack, functions, options, platforms, extra_tags, console) else EXIT_FAILED


def publish_all(
    stack: Stack,
    functions: Sequence[Function],
    options: BuildOptions,
    platforms: str,
    extra_tags: tuple[str, ...],
    console: Console,
) -> bool:
    """Build functions for platforms (the stack file's unless given) and push them; whether all arrived.

    Raises UsageError for impossible flags.
    """
    if options.why:
        raise UsageError("`--why` is for `faas build`; what is published is built for a registry, not for this machine")
    if options.parallel < 1:
        raise UsageError(f"`--parallel {options.parallel}` is not possible; 1 is the least")
    with ConsoleReporter(console, functions, options) as report, ThreadPoolExecutor(options.parallel) as pool:

        def work(function: Function) -> FaasError | None:
            try:
                _publish(stack, function, _for_platforms(options, platforms or function.platforms), extra_tags, report)
            except FaasError as err:
                return err
            return None

        failures = [failure for failure in pool.map(work, functions) if failure is not None]
    for failure in failures:
        console.error(failure.message, failure.hint, failure.detail)
    return not failures


def architectures(platforms: str) -> list[str]:
    """The architectures of a list like `linux/amd64,linux/arm64`. Raises UsageError for one we have no watchdog for."""
    found = []
    for platform in (platforms or "linux/amd64").split(","):
        system, _, architecture = platform.strip().partition("/")
        if system != "linux" or architecture not in ARCHITECTURES:
            offered = ", ".join(f"linux/{each}" for each in ARCHITECTURES)
            what = f"`{platform.strip()}` is not a platform functions can be built for"
            raise UsageError(what, hint=f"there are {offered}")
        found.append(architecture)
    return list(dict.fromkeys(found))


def _for_platforms(options: BuildOptions, platforms: str) -> BuildOptions:
    return replace(options, platforms=tuple(f"linux/{each}" for each in architectures(platforms)))


def _publish(
    stack: Stack, function: Function, options: BuildOptions, extra_tags: tuple[str, ...], report: ConsoleReporter
) -> None:
    if function.skip_build:
        report.say(f"Skipping {function.name}")
        return
    job = prepare(stack, function, options, Path())
    if options.shrinkwrap:
        complete(job, report, buildkit=uses_buildkit(job))
        report.say(f"{function.name} shrink-wrapped to build/{function.name}")
        return
    check_pushable(job.image)
    publisher = choose_publisher(job, report)
    if publisher.name == "buildx":
        # BuildKit's Dockerfile has cache mounts, and its context a watchdog for every platform.
        job = prepare(stack, function, replace(options, builder="buildx"), Path())
    report.say(f"Building: {job.image} for {', '.join(options.platforms)}. Please wait..")
    digest = publisher.publish(job, extra_tags, report)
    report.result(f"{function.name}: {digest}")
