"""`faas up`: build, push and deploy in one step."""

from __future__ import annotations

from dataclasses import replace

import click

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_all, warn_unserved
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.devloop.dev import DevLoop
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.images.build import build_and_push
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions
from faas_cli.options.build import build_options
from faas_cli.options.deploy import deploy_options
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console, switch
from faas_cli.stack.model import Function
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@switch("--skip-push", help="Do not push the images.")
@switch("--skip-deploy", help="Do not deploy.")
@switch("--publish", help="Publish (`faas publish`) instead of building and pushing.")
@option("--platforms", default="", metavar="LIST", help="Platforms to publish for, comma-separated (with --publish).")
@switch("--watch", help="Keep running: rebuild and redeploy on every change.")
@stack_options
@gateway_options
@build_options
@deploy_options
@pass_console
def command(
    console: Console, skip_push: bool, skip_deploy: bool, publish: bool, platforms: str, watch: bool,
    stack: StackOptions, gateway: GatewayOptions, build: BuildOptions, deploy: DeployOptions,
) -> int:  # fmt: skip
    """Build the functions of a stack, push and deploy them."""
    console.quiet = build.quiet
    if platforms and not publish:
        raise UsageError("`--platforms` needs `--publish`: other builds are for this machine's platform")
    if publish and (skip_push or watch):
        raise UsageError("`--publish` always pushes, once: it excludes `--skip-push` and `--watch`")
    if watch and (skip_deploy or build.shrinkwrap):
        raise UsageError("`--watch` always deploys: it excludes `--skip-deploy` and `--shrinkwrap`")
    opened, functions = stack.read()
    deploy = replace(deploy, tag=build.tag)
    if watch:
        client = gateway.connect(opened, timeout=deploy.timeout, warn=console)
        warn_unserved(client, [deployment_of(each, deploy) for each in functions], deploy, console)
        build = replace(build, quiet=True)
        builder = choose_builder(build, opened, console, gateway.gateway)
        # A remote builder has pushed what it built.
        push = None if skip_push or build.remote_builder else lambda each: _push(each, build, console)
        DevLoop(stack.read, client, builder, build, deploy, console, publish=push).run()
        return 0
    if publish:
        # Imported only here: the registry client takes long to load.
        from faas_cli.images.publish import publish_all

        built = publish_all(opened, functions, build, console, platforms)
    else:
        built = build_and_push(opened, functions, build, console, gateway.gateway, push=not skip_push)
    if not built:
        return EXIT_FAILED
    if build.shrinkwrap or skip_deploy:
        return 0
    client = gateway.connect(opened, timeout=deploy.timeout, warn=console)
    return 0 if deploy_all(client, functions, deploy, console) else EXIT_FAILED


def _push(function: Function, build: BuildOptions, console: Console) -> bool:
    from faas_cli.images.push import push_remote

    return push_remote([function], build.tag, 1, console)
