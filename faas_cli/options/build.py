"""The options that say how to build."""

from __future__ import annotations

import click

from faas_cli.errors import UsageError
from faas_cli.images.model import BuildOptions
from faas_cli.options.syntax import Integer, Pair, gathered, option, switch

_BUILD, _REMOTE = "Build options", "Remote builder options"

tag_option = option(
    "--tag",
    default="latest",
    show_default=True,
    metavar="SCHEME",
    help="How the image's tag is made: latest, sha, branch, describe or digest.",
)

quiet_option = switch("--quiet", help="Hide tool output.")


def _options(
    *,
    builder: str,
    remote_builder: str,
    build_args: tuple[tuple[str, str], ...],
    build_labels: tuple[tuple[str, str], ...],
    no_test: bool,
    no_inject: bool,
    **same: object,
) -> BuildOptions:
    arguments: dict[str, str] = {}
    for key, value in build_args:
        # Packages of several flags are all installed.
        joined = key == "ADDITIONAL_PACKAGE" and key in arguments
        arguments[key] = f"{arguments[key]} {value}" if joined else value
    if remote_builder and builder not in ("auto", "buildx"):
        raise UsageError(f"`--builder {builder}` and `--remote-builder` exclude each other")
    return BuildOptions(
        # Remote builders are BuildKit: the context is made for it.
        builder="buildx" if remote_builder else builder,
        remote_builder=remote_builder,
        build_args=arguments,
        labels=dict(build_labels),
        test=not no_test,
        inject=not no_inject,
        **same,  # type: ignore[arg-type]
    )


build_options = gathered(
    "build",
    _options,
    quiet_option,
    option("--builder", type=click.Choice(["auto", "docker", "buildx", "oci"]), default="auto", show_default=True,
           section=_BUILD, help="Builder of the images."),
    tag_option,
    switch("--no-cache", section=_BUILD, help="Run every step again."),
    switch("--squash", section=_BUILD, help="Squash the image into one layer (Docker only)."),
    switch("--pull", section=_BUILD, help="Pull newer base images (Docker only)."),
    option("--parallel", type=Integer(), default=1, show_default=True, section=_BUILD,
           help="Maximum number of parallel builds."),
    switch("--shrinkwrap", section=_BUILD, help="Write the build contexts, build nothing."),
    option("-b", "--build-arg", "build_args", type=Pair(), multiple=True, section=_BUILD, help="Build argument."),
    option("-o", "--build-option", "build_options", multiple=True, metavar="NAME", section=_BUILD,
           help="Build option of the template."),
    option("--build-label", "build_labels", type=Pair(), multiple=True, section=_BUILD, help="Image label."),
    option("--copy-extra", multiple=True, metavar="PATH", section=_BUILD,
           help="Additional path to copy into each function's folder."),
    switch("--no-test", section=_BUILD, help="Skip the function's own tests."),
    switch("--no-inject", section=_BUILD, help="Do not inject the watchdog into your own Dockerfile."),
    switch("--why", section=_BUILD, help="Report what has changed since the last build."),
    option("--remote-builder", default="", envvar="OPENFAAS_REMOTE_BUILDER", metavar="URL", section=_REMOTE,
           help="Remote builder that builds and pushes the images."),
    option("--payload-secret", default="", envvar="OPENFAAS_PAYLOAD_SECRET", metavar="FILE", section=_REMOTE,
           help="File with the secret that signs its requests."),
    option("--builder-public-key", default="", envvar="OPENFAAS_BUILDER_PUBLIC_KEY", metavar="KEY", section=_REMOTE,
           help="Its public key for build secrets, or the key's file; fetched from the builder by default."),
)  # fmt: skip
"""The command receives `build`, a `BuildOptions`."""
