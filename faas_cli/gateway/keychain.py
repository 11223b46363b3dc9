"""The system's keychain, when the extra `keyring` is installed and there is one to use."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import Any

SERVICE = "faas"


def _backend() -> Any:
    """The keyring library, or None: not installed, or nothing on this machine that could keep a secret."""
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring
    from keyring.backends import fail

    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring


def store(gateway: str, token: str) -> bool:
    """Keep a token; False when there is no keychain, and the caller must keep it elsewhere."""
    keyring = _backend()
    if keyring is None:
        return False
    try:
        keyring.set_password(SERVICE, gateway, token)
    except Exception:
        # A locked or refusing keychain is as good as none.
        return False
    return True


def fetch(gateway: str) -> str:
    """The token kept for a gateway, empty when there is none."""
    keyring = _backend()
    if keyring is None:
        return ""
    try:
        return keyring.get_password(SERVICE, gateway) or ""
    except Exception:
        return ""


def forget(gateway: str) -> None:
    """Remove what is kept for a gateway."""
    keyring = _backend()
    if keyring is not None:
        # It may never have been there.
        with contextlib.suppress(Exception):
            keyring.delete_password(SERVICE, gateway)
