"""The accounts of a gateway: where they come from, and whether a user and password belong to one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.state import PASSWORD_FILE, USER, StateDir, read_credential

USER_FILE = "basic-auth-user"
"""Beside `PASSWORD_FILE`, as orchestrators mount secrets."""
GENERATED_LENGTH = 32
"""Characters from which on a secret counts as generated; the gateway's own password has so many."""
_MIN_DISTINCT = 10


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the control API."""

    user: str
    password: str = field(repr=False)


class Accounts:
    """Checks user and password: against accounts with a known password, then against the file of users."""

    def __init__(self, accounts: Sequence[Account], users: UserFile | None = None) -> None:
        self._users = users
        self._accepted = [digest(f"{account.user}:{account.password}".encode()) for account in accounts]

    def __bool__(self) -> bool:
        return bool(self._accepted)

    def is_known(self, pair: bytes) -> bool:
        """Whether `USER:PASSWORD` is known to be right without hashing."""
        # Digests have one length, and every account is compared: the time reveals nothing.
        given = digest(pair)
        if sum(hmac.compare_digest(given, accepted) for accepted in self._accepted):
            return True
        return self._users is not None and self._users.remembers(given)

    def is_certain(self, pair: bytes) -> bool:
        """Whether `USER:PASSWORD` is known to be right, and no number of guesses finds it: a block need not hold it up.

        Only then: were a short password accepted in spite of a block, the block would not slow down who guesses it.
        """
        return is_generated(pair.decode("utf-8", errors="replace").partition(":")[2]) and self.is_known(pair)

    def needs_hash(self, pair: bytes) -> bool:
        """Whether the password must be hashed to decide, because the file has this user."""
        user = pair.decode("utf-8", errors="replace").partition(":")[0]
        return self._users is not None and self._users.has(user)

    async def accepts(self, pair: bytes) -> bool:
        """Whether `USER:PASSWORD` is right."""
        if self.is_known(pair):
            return True
        user, colon, password = pair.decode("utf-8", errors="replace").partition(":")
        return self._users is not None and bool(colon) and await self._users.accepts(user, password)


def read_account(folder: Path) -> Account:
    """The account whose user and password are in this folder. Raises Invalid, naming the file that is missing."""
    return Account(read_credential(folder / USER_FILE), read_credential(folder / PASSWORD_FILE))


def account_of(settings: GatewaySettings, state: StateDir) -> Account:
    """The first account of a gateway: from its `secrets_dir`, else the one in its state directory. Raises Invalid."""
    if settings.secrets_dir is not None:
        return read_account(settings.secrets_dir)
    return Account(USER, state.password())


def basic_pair(authorization: str) -> bytes | None:
    """`USER:PASSWORD` of an `Authorization`; None where it is not basic authentication, empty where it is malformed."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def account_name(pair: bytes) -> str:
    """The user of a `USER:PASSWORD`, as failures are counted."""
    return pair.decode("utf-8", errors="replace").partition(":")[0][:100]


def is_generated(secret: str) -> bool:
    """Whether a secret is as long and varied as generated ones, so that guessing is hopeless."""
    return len(secret) >= GENERATED_LENGTH and len(set(secret)) >= _MIN_DISTINCT and not any(map(str.isspace, secret))


def digest(secret: bytes) -> bytes:
    """SHA-256 of a secret, which is compared in its place."""
    return hashlib.sha256(secret).digest()
