"""Further users of a gateway, in a file as `htpasswd -B` writes it: `NAME:HASH`, one on each line."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt

log = logging.getLogger("faas.control")

_KINDS = ("$2a$", "$2b$", "$2y$")
_MAX_REMEMBERED = 1000
_MAX_PASSWORD_BYTES = 72
"""What follows never counts in bcrypt; `htpasswd` cuts it off, the library refuses it."""
_hashing = ThreadPoolExecutor(1, thread_name_prefix="password-hash")
"""Hashing is slow on purpose: in a thread of its own, so that a flood of guesses takes none from others."""


class UserFile:
    """Checks passwords against a file of bcrypt hashes that may be made, changed and removed while the gateway runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._hashes: Mapping[str, str] = {}
        # A pair that was right once is remembered until the file changes.
        self._right: set[bytes] = set()

    def has(self, user: str) -> bool:
        """Whether the file has this user."""
        self._refresh()
        return user in self._hashes

    def remembers(self, pair: bytes) -> bool:
        """Whether the `USER:PASSWORD` with this SHA-256 was found right before, and the file is still the same."""
        self._refresh()
        return pair in self._right

    async def accepts(self, user: str, password: str) -> bool:
        """Whether the file has this user with this password."""
        self._refresh()
        hashed = self._hashes.get(user)
        if hashed is None:
            return False
        pair = hashlib.sha256(f"{user}:{password}".encode()).digest()
        if pair in self._right:
            return True
        if not await asyncio.get_running_loop().run_in_executor(_hashing, matches, password, hashed):
            return False
        if len(self._right) < _MAX_REMEMBERED:
            self._right.add(pair)
        return True

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except OSError:
            self._stamp, self._hashes, self._right = None, {}, set()
            return
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return
        self._stamp, self._right = stamp, set()
        try:
            self._hashes = parse(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            self._hashes = {}
            log.error("the users in `%s` cannot be read: %s", self._path, error)


def parse(text: str) -> dict[str, str]:
    """Users and their hashes; a line with another kind of hash is logged and ignored."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        user, colon, hashed = line.strip().partition(":")
        if not user or user.startswith("#"):
            continue
        if not colon or not hashed.startswith(_KINDS):
            log.warning("line %d of the users has no bcrypt hash and is ignored: `htpasswd -B` makes one", number)
            continue
        found[user] = hashed
    return found


def matches(password: str, hashed: str) -> bool:
    """Whether a password has this bcrypt hash. Blocking, and slow on purpose."""
    secret = password.encode()
    try:
        return b"\0" not in secret and bcrypt.checkpw(secret[:_MAX_PASSWORD_BYTES], hashed.encode())
    except ValueError:  # not a hash
        return False
