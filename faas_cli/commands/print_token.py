"""`faas print-token FILE`: the content of a token."""

from __future__ import annotations

import json
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.options.syntax import FaasCommand, pass_console


@click.command(cls=FaasCommand, hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
@pass_console
def command(console: Console, file: Path) -> None:
    """Print header and payload of the JSON Web Token in FILE; its signature is not checked."""
    from faas_cli.gateway.function_token import decode_token

    try:
        content = decode_token(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise FaasError(f"`{file}` cannot be read: {err.strerror}") from None
    except ValueError as err:
        raise FaasError(f"`{file}` holds no JSON Web Token: {err}") from None
    console.data(json.dumps(content, indent=2))
