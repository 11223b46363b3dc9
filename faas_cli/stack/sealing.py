"""Secrets encrypted for one reader: with the public key anyone can add them, only the key's owner can read them.

The file is faas-cli's: Curve25519 with XSalsa20-Poly1305 (libsodium's box), a fresh key pair for
each file and a fresh nonce for each value. Names are not hidden.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faas_cli.errors import FaasError
from faas_runtime.core.distribution import install_command
from faas_runtime.core.files import write_file

if TYPE_CHECKING:
    from nacl.public import PrivateKey, PublicKey

VERSION = "v1"
ALGORITHM = "nacl/box"
SEALED_FILE = "com.openfaas.secrets"


def key_id(public_key: str) -> str:
    """The short ID of a public key (base64)."""
    return public_key[:8]


def make_keys() -> tuple[str, str]:
    """A new private key and its public key, both in base64."""
    private = _public().PrivateKey.generate()
    return _text(bytes(private)), _text(bytes(private.public_key))


def seal(public_key: str, secrets: Mapping[str, bytes]) -> str:
    """The text of a file with these secrets for the owner of a public key. Raises FaasError for a wrong key."""
    import yaml

    reader = _reader_key(public_key)
    own = _public().PrivateKey.generate()
    box = _public().Box(own, reader)
    content = {
        "version": VERSION,
        "algorithm": ALGORITHM,
        "key_id": key_id(public_key.strip()),
        "public_key": _text(bytes(own.public_key)),
        "secrets": {name: _text(bytes(box.encrypt(value))) for name, value in sorted(secrets.items())},
    }
    return yaml.safe_dump(content, sort_keys=False)


def unseal(private_key: str, text: str) -> dict[str, bytes]:
    """The secrets of a sealed file. Raises FaasError: a wrong key, or an invalid file."""
    import yaml

    try:
        content = yaml.safe_load(text)
        version, algorithm = content["version"], content["algorithm"]
        sender, sealed = (
            _bytes(content["public_key"]),
            {name: _bytes(each) for name, each in content["secrets"].items()},
        )
    except (yaml.YAMLError, RecursionError, KeyError, TypeError, AttributeError, ValueError):
        raise FaasError("this is not a sealed secrets file", hint="`faas secret seal` writes one") from None
    if (version, algorithm or ALGORITHM) != (VERSION, ALGORITHM):
        raise FaasError(f"secrets sealed with version `{version}` and algorithm `{algorithm}` are not supported")
    try:
        box = _public().Box(_private_key(private_key), _public().PublicKey(sender))
        return {name: box.decrypt(value) for name, value in sealed.items()}
    except _errors().CryptoError:
        raise FaasError("the secrets were sealed for another key, or modified afterwards") from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in a folder that only its owner may enter. Raises FaasError."""
    try:
        write_file(path, text, mode=0o600)
    except OSError as err:
        raise FaasError(f"`{path}` cannot be written: {err.strerror}") from None


def _reader_key(text: str) -> PublicKey:
    try:
        return _public().PublicKey(_bytes(text))  # type: ignore[no-any-return]
    except (ValueError, TypeError, _errors().CryptoError):
        raise FaasError("this is not a public key", hint="`faas secret keygen` makes a pair") from None


def _private_key(text: str) -> PrivateKey:
    try:
        return _public().PrivateKey(_bytes(text))  # type: ignore[no-any-return]
    except (ValueError, TypeError):
        raise FaasError("this is not a private key", hint="`faas secret keygen` makes a pair") from None


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error as err:
        raise ValueError(str(err)) from None


def _public() -> Any:
    try:
        import nacl.public
    except ImportError:
        raise FaasError(
            "sealing needs the library PyNaCl, which is not installed", hint=install_command("seal")
        ) from None
    return nacl.public


def _errors() -> Any:
    _public()
    import nacl.exceptions

    return nacl.exceptions
