"""Functions that not everybody may call: the annotation `com.faas.auth`, and who satisfies it."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from enum import Enum, auto

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.accounts import Accounts, FailureCounter, basic_pair, digest
from faas_runtime.gateway.auth.credentials import account_of
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.state import USERS_FILE, StateDir
from faas_runtime.providers.common.annotations import AUTH_ANNOTATION

BASIC = "basic"
"""A call needs the user and password of an account of the gateway."""
_TOKEN = re.compile(r"sha256:([0-9a-f]{64})")
_FROM_HERE = frozenset({"", "same-origin", "none"})


class Verdict(Enum):
    """What becomes of a call."""

    ALLOWED = auto()
    REFUSED = auto()
    TOO_MANY = auto()
    """Refused unseen: too many have failed from that address."""
    SLOW = auto()
    """Only `CallGuard.accepts` can tell: a password has to be hashed."""


def check_rule(text: str) -> None:
    """Raises ValueError unless this is a rule: `basic`, or `sha256:` and the hash of a token in hexadecimal."""
    if text and text != BASIC and not _TOKEN.fullmatch(text):
        raise ValueError(
            f"annotation `{AUTH_ANNOTATION}`: `{text[:80]}` is neither `{BASIC}` nor `sha256:` and 64 hex digits"
        )


def challenge(rule: str) -> str:
    """The `WWW-Authenticate` of a refusal."""
    return 'Basic realm="Restricted"' if rule == BASIC else 'Bearer realm="Restricted"'


def guard_of(settings: GatewaySettings, state: StateDir) -> CallGuard:
    """The guard of a gateway, with the accounts that its control room has. Raises Invalid."""
    accounts = [account_of(settings, state)] if settings.auth else []
    return CallGuard(Accounts(accounts, UserFile(settings.state_dir / USERS_FILE)))


class CallGuard:
    """Checks the credentials of function calls. Without accounts, `basic` asks for nothing, as the gateway does."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self.failures = FailureCounter(clock)
        """Who has got it wrong; several guards of one gateway tell each other."""

    def check(self, rule: str, authorization: str, site: str, host: str) -> Verdict:
        """Judge a call by the function's rule; `site` is what a browser says about the page it comes from."""
        if rule == BASIC and not self._accounts:
            return Verdict.ALLOWED
        if not authorization:
            return Verdict.REFUSED
        if self.failures.too_many(host):
            return Verdict.TOO_MANY
        if rule == BASIC:
            return self._check_account(authorization, site, host)
        match = _TOKEN.fullmatch(rule)
        scheme, _, token = authorization.partition(" ")
        if match is not None and scheme.lower() == "bearer":
            given = digest(token.strip().encode("latin-1", "replace"))
            if hmac.compare_digest(given, bytes.fromhex(match[1])):
                return Verdict.ALLOWED
        return self._failed(host)

    async def allows(self, rule: str, authorization: str, site: str, host: str) -> Verdict:
        """Judge a call, however long it takes."""
        verdict = self.check(rule, authorization, site, host)
        if verdict is Verdict.SLOW:
            return Verdict.ALLOWED if await self.accepts(authorization, host) else Verdict.REFUSED
        return verdict

    async def accepts(self, authorization: str, host: str) -> bool:
        """Hash the password of a call that was judged `SLOW`."""
        pair = basic_pair(authorization)
        if pair is None:
            self._failed(host)
            return False
        return await self.failures.judge(host, lambda: self._accounts.accepts(pair))

    def _check_account(self, authorization: str, site: str, host: str) -> Verdict:
        pair = basic_pair(authorization)
        if pair is None or site not in _FROM_HERE:
            # A browser sends a password it has saved along with any page's form.
            return self._failed(host)
        if self._accounts.knows(pair):
            return Verdict.ALLOWED
        return Verdict.SLOW if self._accounts.hashed(pair) else self._failed(host)

    def _failed(self, host: str) -> Verdict:
        self.failures.count(host)
        return Verdict.REFUSED
