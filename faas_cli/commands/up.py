"""`faas up`: build and deploy in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from faas_cli.commands.build import build_all, build_flags, options_of
from faas_cli.commands.deploy import deploy_all, deploy_flags, flags_of, warn_plain_http
from faas_cli.console import Console
from faas_cli.devloop.dev import DevLoop
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.gateway.client import GatewayClient, connect
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions
from faas_cli.options import FaasCommand, gateway_options, stack_namespace_option, stack_options, switch
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@stack_namespace_option
@build_flags
@deploy_flags
@switch("--quiet", help="Hide what the tools print.")
@switch("--skip-push", help="Do not push the images.")
@switch("--skip-deploy", help="Only build.")
@switch("--publish", help="Publish instead of building and pushing.")
@click.option("--platforms", default="", help="Platforms to publish for, with commas (with --publish).")
@switch("--watch", help="Go on: do it again for every function whose folder changes.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
    quiet: bool, skip_push: bool, skip_deploy: bool, publish: bool, platforms: str, watch: bool, **flags: Any,
) -> int:  # fmt: skip
    """Build the functions of a stack and deploy them."""
    console = Console(quiet=quiet)
    if platforms and not publish:
        raise UsageError("`--platforms` is for `--publish`; an image for this machine alone is built without")
    if publish and (skip_push or watch):
        raise UsageError("`--publish` pushes once what it builds; it goes with neither `--skip-push` nor `--watch`")

    def read() -> tuple[Stack, list[Function]]:
        stack = open_stack(stack_file, envsubst=envsubst)
        return stack, select(stack, pattern, regex)

    stack, functions = read()
    wanted = flags_of(flags, tag=flags["tag"], namespace=namespace)
    if watch:
        if skip_deploy or flags["shrinkwrap"]:
            raise UsageError("`--watch` deploys what has changed; it needs neither `--skip-deploy` nor `--shrinkwrap`")
        client = _client(stack, gateway, token, tls_no_verify, flags["timeout"], console)
        options = options_of(flags, quiet=True)
        # A builder elsewhere has pushed what it built.
        there = skip_push or options.remote_builder
        push = None if there else lambda function: _push([function], flags["tag"], 1, console)
        builder = choose_builder(options, stack, console, gateway)
        DevLoop(read, client, builder, options, wanted, console, publish=push).run()
        return 0
    options = options_of(flags, quiet=quiet)
    if publish:
        # Only now: what speaks with a registry takes long to load.
        from faas_cli.commands.publish import publish_all

        if not publish_all(stack, functions, options, platforms, (), console):
            return EXIT_FAILED
    elif not _build_and_push(stack, functions, options, console, gateway, push=not skip_push):
        return EXIT_FAILED
    if flags["shrinkwrap"] or skip_deploy:
        return 0
    client = _client(stack, gateway, token, tls_no_verify, flags["timeout"], console)
    done = deploy_all(client, functions, wanted, console, update=flags["update"], replace=flags["replace"])
    return 0 if done else EXIT_FAILED


def _build_and_push(
    stack: Stack, functions: list[Function], options: BuildOptions, console: Console, gateway: str | None, *, push: bool
) -> bool:
    results = build_all(stack, functions, options, console, gateway)
    if any(result.error is not None for result in results):
        return False
    if options.shrinkwrap or options.remote_builder or not push:
        return True
    return _push(functions, options.tag, options.parallel, console)


def _client(
    stack: Stack, gateway: str | None, token: str, tls_no_verify: bool, timeout: float, console: Console
) -> GatewayClient:
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify, timeout=timeout)
    warn_plain_http(client.gateway, console)
    return client


def _push(functions: Sequence[Function], tag: str, parallel: int, console: Console) -> bool:
    """Push the images whose names say a registry; a purely local one is for this machine's own gateway."""
    from faas_cli.commands.push import push_all

    named = [function for function in functions if "/" in function.image]
    for function in functions:
        if "/" not in function.image and not function.skip_build:
            console.info(f"{function.name}: `{function.image}` names no registry; it stays on this machine")
    return push_all(named, tag, parallel, console)
