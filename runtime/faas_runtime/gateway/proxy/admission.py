"""Calls of functions that not everybody may call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from faas_runtime.gateway.auth.accounts import client_host
from faas_runtime.gateway.auth.function_auth import CallGuard, Verdict, challenge

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.request_head import RequestHead


class Refusal(NamedTuple):
    """The answer to a call that is not let in."""

    status: int
    text: str
    lines: tuple[bytes, ...]


class Admission:
    """A call whose credentials are not known to be right yet."""

    __slots__ = ("_authorization", "_guard", "_host", "refusal")

    def __init__(self, guard: CallGuard, rule: str, authorization: str, host: str) -> None:
        self._guard = guard
        self._authorization = authorization
        self._host = host
        self.refusal = unauthorized(rule)

    async def granted(self) -> bool:
        """Whether the call may go on."""
        return await self._guard.accepts(self._authorization, self._host)


def unauthorized(rule: str) -> Refusal:
    """The answer to wrong credentials, and to none."""
    return Refusal(401, "invalid credentials", (f"WWW-Authenticate: {challenge(rule)}".encode(),))


def admit(guard: CallGuard | None, rule: str, head: RequestHead, peer: str) -> Refusal | Admission | None:
    """None when the call may go on at once. The function never sees the credentials."""
    if guard is None:
        return unauthorized(rule)
    authorization, site, host = take_authorization(head), _value(head, b"sec-fetch-site"), client_host(peer)
    verdict = guard.check(rule, authorization, site, host)
    if verdict is Verdict.ALLOWED:
        return None
    if verdict is Verdict.SLOW:
        return Admission(guard, rule, authorization, host)
    if verdict is Verdict.TOO_MANY:
        return Refusal(429, "too many wrong credentials", (b"Retry-After: 60",))
    return unauthorized(rule)


def take_authorization(head: RequestHead) -> str:
    """The `Authorization` of a request, which loses it; nothing where there are several."""
    found = [line for line in head.lines if _name(line) == b"authorization"]
    head.lines = [line for line in head.lines if _name(line) != b"authorization"]
    return _text(found[0]) if len(found) == 1 else ""


def _value(head: RequestHead, name: bytes) -> str:
    return next((_text(line) for line in head.lines if _name(line) == name), "")


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _text(line: bytes) -> str:
    return line.partition(b":")[2].strip(b" \t").decode("latin-1")
