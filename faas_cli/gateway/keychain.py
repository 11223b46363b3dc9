"""The system's keychain, if the extra `keyring` is installed and a keychain is available."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Any

SERVICE = "faas"


def _backend() -> Any:
    """The keyring library; None if it is not installed or has no usable backend."""
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring
    from keyring.backends import fail

    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring


def store(gateway: str, token: str) -> bool:
    """Save a token; False without a usable keychain."""
    keyring = _backend()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, gateway, token)
    except Exception:
        # A keychain that is locked or refuses is treated as none.
        return False
    return True


def fetch(gateway: str) -> str:
    """The token saved for a gateway, empty if there is none."""
    keyring = _backend()
    if keyring is None:
        return ""
    try:
        return keyring.get_password(SERVICE, gateway) or ""
    except Exception:
        return ""


def forget(gateway: str) -> None:
    """Remove the token of a gateway."""
    keyring = _backend()
    if keyring is not None:
        # There may be none.
        with contextlib.suppress(Exception):
            keyring.delete_password(SERVICE, gateway)
