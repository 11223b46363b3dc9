"""`faas secret keygen`, `seal` and `unseal`: secrets that can be committed to a repository."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.deployment.secrets import read_bytes
from faas_cli.errors import FaasError, UsageError
from faas_cli.options.syntax import FaasCommand, Pair, option, pass_console
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack import sealing
from faas_runtime.core.files import write_file

_PATH = click.Path(path_type=Path)


@click.command(cls=FaasCommand)
@option("-o", "--output", default="key", show_default=True, type=_PATH, metavar="FILE", help="Private key file.")
@pass_console
def keygen(console: Console, output: Path) -> None:
    """Generate a key pair: the private key in FILE, the public key in FILE.pub."""
    public_path = output.with_name(output.name + ".pub")
    for path in (output, public_path):
        if path.exists():
            raise FaasError(f"`{path}` already exists; nothing was changed", hint="choose another name: `-o FILE`")
    private, public = sealing.make_keys()
    sealing.write_private(output, private)
    write_file(public_path, public)
    console.data(f"Private key: {output}\nPublic key:  {public_path}\nKey ID:      {sealing.key_id(public)}")


@click.command(cls=FaasCommand)
@click.argument("public_key", type=_PATH)
@option("--from-literal", "literals", type=Pair(), multiple=True, metavar="NAME=VALUE", help="Secret and its value.")
@option("--from-file", "files", type=Pair(), multiple=True, metavar="NAME=FILE", help="Secret and its value's file.")
@option(
    "-o", "--output", default=sealing.SEALED_FILE, show_default=True, type=_PATH, metavar="FILE", help="File to write."
)
@pass_console
def seal(
    console: Console, public_key: Path, literals: tuple[tuple[str, str], ...], files: tuple[tuple[str, str], ...],
    output: Path,
) -> None:  # fmt: skip
    """Encrypt secrets for the owner of the public key in the file PUBLIC_KEY."""
    secrets = {name: value.encode() for name, value in literals}
    secrets |= {name: read_bytes(Path(path)) for name, path in files}
    if not secrets:
        raise UsageError(
            "nothing to seal", hint="name secrets with `--from-literal NAME=VALUE` or `--from-file NAME=PATH`"
        )
    key = _read_text(public_key).strip()
    sealing.write_private(output, sealing.seal(key, secrets))
    console.data(f"Sealed {len(secrets)} secrets in {output} for key {sealing.key_id(key)}")


@click.command(cls=FaasCommand)
@click.argument("private_key", type=_PATH)
@option(
    "--in", "source", default=sealing.SEALED_FILE, show_default=True, type=_PATH, metavar="FILE", help="Sealed file."
)
@option("--key", default="", metavar="NAME", help="Write only the value of this secret, unchanged.")
@output_options
@pass_console
def unseal(console: Console, private_key: Path, source: Path, key: str, output_format: str) -> None:
    """Decrypt sealed secrets with the private key in the file PRIVATE_KEY."""
    secrets = sealing.unseal(_read_text(private_key).strip(), _read_text(source))
    if key:
        if key not in secrets:
            raise FaasError(f"`{source}` has no secret `{key}`", hint=f"it has: {', '.join(secrets)}")
        console.data_bytes(secrets[key])
        return
    shown = {name: value.decode("utf-8", "replace") for name, value in secrets.items()}
    if output_format != TABLE:
        console.data(structured(shown, output_format))
        return
    for name, value in shown.items():
        console.data(f"{name}={value}")


def _read_text(path: Path) -> str:
    return read_bytes(path).decode("utf-8", "replace")
