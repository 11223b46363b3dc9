"""Which builder to use: the one asked for, or the one that will work here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faas_cli.build.model import Builder, BuildOptions
from faas_cli.build.oci import OciBuilder
from faas_runtime.imagestore import ImageStore
from faas_runtime.paths import default_state_dir, images_dir

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.stack.model import Stack


def choose_builder(options: BuildOptions, stack: Stack, console: Console) -> Builder:
    """The builder for these options. Raises FaasError when the one asked for cannot work here."""
    state = default_state_dir()
    return OciBuilder(ImageStore(images_dir(state)), state / "build")
