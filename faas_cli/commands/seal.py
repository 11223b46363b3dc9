"""`faas secret keygen`, `seal` and `unseal`: secrets that may lie in a repository."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError, UsageError
from faas_cli.options import FaasCommand, Pair
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack import sealing

_PATH = click.Path(path_type=Path)


@click.command(cls=FaasCommand)
@click.option("-o", "--output", default="key", show_default=True, type=_PATH, help="File of the private key.")
def keygen(output: Path) -> None:
    """Make a key pair: the private key in one file, the public one beside it with `.pub`."""
    console = Console()
    public_path = output.with_name(output.name + ".pub")
    for path in (output, public_path):
        if path.exists():
            raise FaasError(f"`{path}` is there already; nothing was changed", hint="choose another name: `-o FILE`")
    private, public = sealing.make_keys()
    sealing.write_private(output, private)
    public_path.write_text(public, encoding="utf-8")
    console.data(f"Private key: {output}\nPublic key:  {public_path}\nKey ID:      {sealing.key_id(public)}")


@click.command(cls=FaasCommand)
@click.argument("public_key", type=_PATH)
@click.option("--from-literal", "literals", type=Pair(), multiple=True, help="Secret NAME=VALUE.")
@click.option("--from-file", "files", type=Pair(), multiple=True, help="Secret NAME=PATH.")
@click.option("-o", "--output", default=sealing.SEALED_FILE, show_default=True, type=_PATH, help="File to write.")
def seal(
    public_key: Path, literals: tuple[tuple[str, str], ...], files: tuple[tuple[str, str], ...], output: Path
) -> None:
    """Seal secrets for the owner of the key in the file PUBLIC_KEY."""
    secrets = {name: value.encode() for name, value in literals}
    secrets |= {name: _read(Path(path)) for name, path in files}
    if not secrets:
        raise UsageError(
            "nothing to seal", hint="name secrets with `--from-literal NAME=VALUE` or `--from-file NAME=PATH`"
        )
    key = _read_text(public_key).strip()
    sealing.write_private(output, sealing.seal(key, secrets))
    Console().data(f"Sealed {len(secrets)} secrets in {output} for key {sealing.key_id(key)}")


@click.command(cls=FaasCommand)
@click.argument("private_key", type=_PATH)
@click.option("--in", "source", default=sealing.SEALED_FILE, show_default=True, type=_PATH, help="The sealed file.")
@click.option("--key", default="", help="Only the value of this secret, as it is.")
@output_options
def unseal(private_key: Path, source: Path, key: str, form: str) -> None:
    """Show sealed secrets with the key in the file PRIVATE_KEY."""
    console = Console()
    secrets = sealing.unseal(_read_text(private_key).strip(), _read_text(source))
    if key:
        if key not in secrets:
            raise FaasError(f"`{source}` has no secret `{key}`", hint=f"it has: {', '.join(secrets)}")
        sys.stdout.buffer.write(secrets[key])
        return
    shown = {name: value.decode("utf-8", "replace") for name, value in secrets.items()}
    if form != TABLE:
        console.data(structured(shown, form))
        return
    for name, value in shown.items():
        console.data(f"{name}={value}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise FaasError(f"`{path}` cannot be read: {err.strerror}") from None


def _read_text(path: Path) -> str:
    return _read(path).decode("utf-8", "replace")
