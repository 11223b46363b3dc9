"""`faas print-token FILE`: what a token says."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.options import FaasCommand


@click.command(cls=FaasCommand, hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Show header and payload of the JSON Web Token in FILE; its signature is not checked."""
    try:
        parts = file.read_text(encoding="utf-8").strip().split(".")
        if len(parts) != 3:
            raise ValueError("a token has three parts")
        content = {"header": _decoded(parts[0]), "payload": _decoded(parts[1])}
    except OSError as err:
        raise FaasError(f"`{file}` cannot be read: {err.strerror}") from None
    except (ValueError, binascii.Error) as err:
        raise FaasError(f"`{file}` holds no JSON Web Token: {err}") from None
    Console().data(json.dumps(content, indent=2))


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
