"""Further users of the control room, in a file as `htpasswd` writes it: `NAME:HASH`, one in a line."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import hmac
import logging
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

log = logging.getLogger("faas.control")

_KINDS = ("$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$")
_MOST_REMEMBERED = 1000


class UserFile:
    """Checks passwords against a file that may come, change and go while the gateway runs.

    Hashes are those of `htpasswd -B`, `-2` and `-5` (bcrypt, SHA-256, SHA-512) and whatever else the
    system's libcrypt knows, except the old ones that anybody can guess.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._hashes: Mapping[str, str] = {}
        # A hash is slow on purpose; a pair that was right once is remembered until the file changes.
        self._right: set[bytes] = set()

    def has(self, user: str) -> bool:
        """Whether the file has this user."""
        self._read_again()
        return user in self._hashes

    def remembers(self, pair: bytes) -> bool:
        """Whether the pair with this SHA-256 was found right before, and the file is still the same."""
        self._read_again()
        return pair in self._right

    async def accepts(self, user: str, password: str) -> bool:
        """Whether the file has this user with this password."""
        self._read_again()
        known = self._hashes.get(user)
        if known is None:
            return False
        pair = hashlib.sha256(f"{user}:{password}".encode()).digest()
        if pair in self._right:
            return True
        if not await asyncio.to_thread(matches, password, known):
            return False
        if len(self._right) < _MOST_REMEMBERED:
            self._right.add(pair)
        return True

    def _read_again(self) -> None:
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
    """Users and their hashes; a line with a hash that is too weak is told in the log and left out."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        user, colon, hashed = line.strip().partition(":")
        if not user or user.startswith("#"):
            continue
        if not colon or not hashed.startswith(_KINDS):
            log.warning("line %d of the users has no bcrypt or SHA hash: `htpasswd -B` makes one", number)
            continue
        found[user] = hashed
    return found


def matches(password: str, hashed: str) -> bool:
    """Whether a password has this hash. Blocking, and slow on purpose."""
    made = _crypt(password.encode(), hashed.encode())
    return made is not None and hmac.compare_digest(made, hashed.encode())


def _crypt(password: bytes, setting: bytes) -> bytes | None:
    library = _libcrypt()
    if b"\0" in password or library is None:
        return None
    with _one_at_a_time:  # crypt(3) answers in a buffer of its own
        answer: bytes | None = library.crypt(password, setting)
    return answer


@cache
def _libcrypt() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libcrypt.so.1")
        library.crypt.restype = ctypes.c_char_p
        library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    except (OSError, AttributeError):
        log.error("this system has no libcrypt: the users in the file cannot log in")
        return None
    return library


_one_at_a_time = threading.Lock()
