"""User and password in two files, as orchestrators mount secrets."""

from __future__ import annotations

from pathlib import Path

from faas_runtime.core.errors import Invalid
from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.accounts import Account
from faas_runtime.gateway.state import PASSWORD_FILE, USER, StateDir

USER_FILE = "basic-auth-user"


def read_account(folder: Path) -> Account:
    """The account whose user and password are in this folder. Raises Invalid, naming the file that is missing."""
    return Account(_read(folder / USER_FILE), _read(folder / PASSWORD_FILE))


def account_of(settings: GatewaySettings, state: StateDir) -> Account:
    """The account of this gateway: what it was given, else what it made for itself. Raises Invalid."""
    if settings.secrets_dir is not None:
        return read_account(settings.secrets_dir)
    return Account(USER, state.password())


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not text"
        raise Invalid(f"`{path}` cannot be read: {reason}") from None
    if not text:
        raise Invalid(f"`{path}` is empty")
    return text
