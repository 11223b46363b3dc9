"""`faas build`: make images of the functions in a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildResult
from faas_cli.images.plan import build_functions
from faas_cli.images.report import ConsoleReporter
from faas_cli.options import FaasCommand, Integer, Pair, stack_options, switch
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.stack.select import open_stack, select

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def build_flags(command: Decorated) -> Decorated:
    """The flags that say how to build; `options_of` reads them."""
    for option in (
        click.option("--builder", type=click.Choice(["auto", "docker", "buildx", "oci"]), default="auto",
                     show_default=True, help="What builds the image."),
        switch("--no-cache", help="Run every step again."),
        switch("--squash", help="Make one layer of all (Docker only)."),
        switch("--pull", help="Fetch newer base images (Docker only)."),
        click.option("--parallel", type=Integer(), default=1, show_default=True, help="Functions to build at a time."),
        switch("--shrinkwrap", help="Only write the build contexts."),
        click.option("-b", "--build-arg", "build_args", type=Pair(), multiple=True, help="Build argument KEY=VALUE."),
        click.option("-o", "--build-option", "build_options", multiple=True, help="Build option of the template."),
        click.option("--build-label", "build_labels", type=Pair(), multiple=True, help="Label of the image KEY=VALUE."),
        click.option("--copy-extra", multiple=True, help="Further path to copy into each function's folder."),
        switch("--no-test", help="Skip the function's own tests."),
        switch("--no-inject", help="Leave the watchdog out of a user's own Dockerfile."),
        switch("--why", help="Say what has changed since the last build."),
        click.option("--remote-builder", default="", envvar="OPENFAAS_REMOTE_BUILDER",
                     help="Address of a builder elsewhere, which builds and pushes."),
        click.option("--payload-secret", default="", envvar="OPENFAAS_PAYLOAD_SECRET",
                     help="File with the secret that requests to it are signed with."),
        click.option("--builder-public-key", default="", envvar="OPENFAAS_BUILDER_PUBLIC_KEY",
                     help="Its key for build secrets, or the file with it; by default it is asked."),
    ):  # fmt: skip
        command = option(command)
    return tag_option(command)


def tag_option(command: Decorated) -> Decorated:
    """`--tag`: how the image's tag is made."""
    return click.option(
        "--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest."
    )(command)


def options_of(flags: dict[str, Any], *, quiet: bool = False) -> BuildOptions:
    """The build options that flags, read with `build_flags`, stand for."""
    arguments: dict[str, str] = {}
    for key, value in flags["build_args"]:
        # Packages asked for several times are all wanted.
        joined = key == "ADDITIONAL_PACKAGE" and key in arguments
        arguments[key] = f"{arguments[key]} {value}" if joined else value
    builder, remote = flags["builder"], flags["remote_builder"]
    if remote and builder not in ("auto", "buildx"):
        raise UsageError(f"`--builder {builder}` builds here and `--remote-builder` elsewhere; give one of them")
    return BuildOptions(
        # Builders elsewhere are BuildKit: the context is made for it.
        builder="buildx" if remote else builder,
        tag=flags["tag"],
        no_cache=flags["no_cache"],
        pull=flags["pull"],
        squash=flags["squash"],
        parallel=flags["parallel"],
        shrinkwrap=flags["shrinkwrap"],
        quiet=quiet,
        build_args=arguments,
        build_options=flags["build_options"],
        labels=dict(flags["build_labels"]),
        copy_extra=flags["copy_extra"],
        test=not flags["no_test"],
        inject=not flags["no_inject"],
        why=flags["why"],
        remote_builder=remote,
        payload_secret=flags["payload_secret"],
        builder_public_key=flags["builder_public_key"],
    )


def build_all(
    stack: Stack, functions: list[Function], options: BuildOptions, console: Console, gateway: str | None = None
) -> list[BuildResult]:
    """Build functions for a gateway (the stack file's unless typed), telling a person how it goes.

    One result each; none is raised.
    """
    builder = choose_builder(options, stack, console, gateway)
    with ConsoleReporter(console, functions, options) as report:
        results = build_functions(stack, functions, options, report, builder)
    report.summary(results)
    return results


@click.command(cls=FaasCommand)
@stack_options
@click.option("--image", default="", help="Image of a function that is in no stack file.")
@click.option("--name", default="", help="Its name.")
@click.option("--handler", default="", help="Its folder.")
@click.option("--lang", default="", help="Its language.")
@build_flags
@switch("--quiet", help="Hide what the tools print.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    image: str, name: str, handler: str, lang: str, quiet: bool, **flags: Any,
) -> int:  # fmt: skip
    """Build the functions of a stack into images."""
    console = Console(quiet=quiet)
    options = options_of(flags, quiet=quiet)
    if image or name or handler or lang:
        stack = _single(image, name, handler, lang, stack_file)
    else:
        stack = open_stack(stack_file, envsubst=envsubst)
    results = build_all(stack, select(stack, pattern, regex), options, console)
    return EXIT_FAILED if any(result.error is not None for result in results) else 0


def _single(image: str, name: str, handler: str, lang: str, stack_file: str) -> Stack:
    given = {"--image": image, "--name": name, "--handler": handler, "--lang": lang}
    if stack_file:
        used = ", ".join(f"`{flag}`" for flag, value in given.items() if value)
        raise UsageError(f"{used} and `-f {stack_file}` exclude each other: the file says it of its functions")
    missing = [flag for flag, value in given.items() if not value]
    if missing:
        raise UsageError(f"a function without a stack file needs {', '.join(given)}; missing: {', '.join(missing)}")
    function = Function(name=name, image=image, handler=handler, lang=lang)
    return Stack(provider=Provider(name="openfaas"), functions={name: function})
