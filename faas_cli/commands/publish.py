"""`faas publish`: build for several platforms and push, in one step and without an engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from faas_cli.build.model import BuildJob, BuildOptions
from faas_cli.build.oci import OciBuilder
from faas_cli.build.plan import prepare
from faas_cli.build.report import ConsoleReporter
from faas_cli.commands.build import build_flags, options_of
from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, FaasError, UsageError
from faas_cli.flags import FaasCommand, stack_options, switch
from faas_cli.registry.client import Manifest
from faas_cli.registry.index import put_index
from faas_cli.registry.push import Push
from faas_cli.registry.reference import check_pushable
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select
from faas_runtime.imagestore import ImageStore
from faas_runtime.paths import default_state_dir, images_dir

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
    failed = False
    for function in select(stack, pattern, regex):
        if function.skip_build:
            console.progress(f"Skipping {function.name}")
            continue
        try:
            wanted = architectures(platforms or function.platforms)
            digest = _publish(stack, function, options, wanted, extra_tags, console)
        except FaasError as err:
            console.error(err.message, err.hint, err.detail)
            failed = True
            continue
        console.data(f"{function.name}: {digest}")
    return EXIT_FAILED if failed else 0


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


def _publish(
    stack: Stack,
    function: Function,
    options: BuildOptions,
    wanted: list[str],
    extra_tags: tuple[str, ...],
    console: Console,
) -> str:
    state = default_state_dir()
    store = ImageStore(images_dir(state))
    job = prepare(stack, function, options, Path())
    check_pushable(job.image)
    builders = {architecture: OciBuilder(store, state / "build", architecture) for architecture in wanted}
    for builder in builders.values():
        # Before anything is built or pushed: an image for half of the platforms helps nobody.
        builder.check(job)
    manifests: dict[str, Manifest] = {}
    with ConsoleReporter(console, [function], options) as report:
        for architecture, builder in builders.items():
            console.progress(f"Building: {job.image} for linux/{architecture}. Please wait..")
            # A name of its own for each platform; only what is pushed gets the image's.
            local = _named(job, f"{job.image}-{architecture}")
            builder.build(local, report)
            push = Push(store, state / "build", local.image)
            manifests[architecture] = push.run(target=job.image, tagged=False)
    return put_index(job.image, manifests, extra_tags)


def _named(job: BuildJob, image: str) -> BuildJob:
    return replace(job, image=image)
