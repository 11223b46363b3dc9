"""Functions that not everybody may call: the annotation `com.faas.auth`, and the check of a call's credentials."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.accounts import Accounts, account_name, account_of, basic_pair, digest, is_generated
from faas_runtime.gateway.auth.failures import FAILURE_WINDOW, FailureCounter
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.state import USERS_FILE, StateDir
from faas_runtime.providers.common.annotations import AUTH_ANNOTATION

BASIC = "basic"
"""A call needs the user and password of an account of the gateway."""
_TOKEN = re.compile(r"sha256:([0-9a-f]{64})")
_SAME_SITE = frozenset({"", "same-origin", "none"})


class Refusal(NamedTuple):
    """The response to a request with wrong credentials, or none."""

    status: int
    text: str
    header: tuple[str, str]

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The header as it is sent."""
        return (f"{self.header[0]}: {self.header[1]}".encode(),)


BLOCKED = Refusal(429, "too many wrong credentials", ("Retry-After", f"{FAILURE_WINDOW:.0f}"))
"""The address is blocked; its credentials were not looked at."""


class Admission:
    """A call whose password must be hashed before it is allowed or refused."""

    __slots__ = ("_accepts", "refusal")

    def __init__(self, accepts: Callable[[], Awaitable[bool]], refusal: Refusal) -> None:
        self._accepts = accepts
        self.refusal = refusal

    async def granted(self) -> bool:
        """Whether the call is allowed; a wrong password is counted."""
        return await self._accepts()


def unauthorized(rule: str) -> Refusal:
    """The response to wrong credentials by a function's rule, and to none."""
    scheme = "Basic" if rule == BASIC else "Bearer"
    return Refusal(401, "invalid credentials", ("WWW-Authenticate", f'{scheme} realm="Restricted"'))


def check_rule(text: str) -> None:
    """Raises ValueError unless this is a rule: `basic`, or `sha256:` and the hash of a token in hexadecimal."""
    if text and text != BASIC and not _TOKEN.fullmatch(text):
        raise ValueError(
            f"annotation `{AUTH_ANNOTATION}`: `{text[:80]}` is neither `{BASIC}` nor `sha256:` and 64 hex digits"
        )


def guard_of(settings: GatewaySettings, state: StateDir) -> CallGuard:
    """The guard of a gateway, with the accounts of its control API. Raises Invalid."""
    accounts = [account_of(settings, state)] if settings.auth else []
    return CallGuard(Accounts(accounts, UserFile(settings.state_dir / USERS_FILE)))


class CallGuard:
    """Checks the credentials of function calls. In a gateway without accounts the rule `basic` allows everybody."""

    def __init__(self, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self.failures = FailureCounter(clock)
        """Of this process; the workers of a gateway report theirs to each other."""

    def admit(self, rule: str, authorization: str, site: str, host: str) -> Refusal | Admission | None:
        """None allows a call at once, by the function's rule.

        `site` is the call's `Sec-Fetch-Site`, `host` the address it comes from.
        """
        if rule == BASIC and not self._accounts:
            return None
        if not authorization:
            return unauthorized(rule)
        if rule == BASIC:
            return self._check_account(authorization, site, host)
        scheme, _, token = authorization.partition(" ")
        token, match = token.strip(), _TOKEN.fullmatch(rule)
        is_right = (
            match is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(digest(token.encode("latin-1", "replace")), bytes.fromhex(match[1]))
        )
        # Who sends wrong tokens must not lock out those with the right one, unless it can be guessed.
        if not (is_right and is_generated(token)) and self.failures.is_blocked(host, rule):
            return BLOCKED
        if is_right:
            self.failures.succeeded(host, rule)
            return None
        return self._failed(rule, host, rule)

    def is_account(self, authorization: str) -> bool:
        """Whether an `Authorization` is an account's: its password, or any password of a user in the users' file."""
        pair = basic_pair(authorization)
        return pair is not None and (self._accounts.is_known(pair) or self._accounts.needs_hash(pair))

    async def check(self, rule: str, authorization: str, site: str, host: str) -> Refusal | None:
        """`admit`, waiting for the hash of a password."""
        found = self.admit(rule, authorization, site, host)
        if isinstance(found, Admission):
            return None if await found.granted() else found.refusal
        return found

    def _check_account(self, authorization: str, site: str, host: str) -> Refusal | Admission | None:
        pair = basic_pair(authorization)
        same_site = site in _SAME_SITE
        if pair is not None and same_site and self._accounts.is_certain(pair):
            self.failures.succeeded(host, account_name(pair))
            return None
        if self.failures.is_blocked(host):
            return BLOCKED
        if pair is None or not same_site:
            # A browser sends a password it has saved along with any page's form.
            return self._failed(BASIC, host)
        account = account_name(pair)
        if self.failures.is_blocked(host, account):
            return BLOCKED
        if self._accounts.is_known(pair):
            self.failures.succeeded(host, account)
            return None
        if not self._accounts.needs_hash(pair):
            return self._failed(BASIC, host, account)
        if self.failures.is_busy(host):
            return BLOCKED
        return Admission(
            lambda: self.failures.check(host, lambda: self._accounts.accepts(pair), account), unauthorized(BASIC)
        )

    def _failed(self, rule: str, host: str, account: str = "") -> Refusal:
        self.failures.count(host, account)
        return unauthorized(rule)
