"""The credentials in a request's head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faas_runtime.gateway.auth.failures import client_host
from faas_runtime.gateway.auth.function_auth import Admission, CallGuard, Refusal, unauthorized

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.request_head import RequestHead


def admit(guard: CallGuard | None, rule: str, head: RequestHead, peer: str) -> Refusal | Admission | None:
    """None when the call may go on at once. The function never sees the credentials."""
    if guard is None:
        return unauthorized(rule)
    return guard.admit(rule, take_authorization(head), _value(head, b"sec-fetch-site"), client_host(peer))


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
