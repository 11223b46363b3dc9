"""Function tokens: exchanges the saved login for a token that one function requires."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from faas_cli.errors import GatewayError
from faas_runtime.core.api import DEFAULT_NAMESPACE

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

REALM = "IAM function invoke"
"""The realm in a gateway's 401 when a call needs a token."""

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105


class _Reply(msgspec.Struct):
    access_token: str = ""
    error: str = ""
    error_description: str = ""


def token_required(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a response means that the call needs a function token."""
    return status == 401 and REALM in (headers.get("WWW-Authenticate") or "")


def function_token(client: GatewayClient, name: str, namespace: str) -> str:
    """A token to call one function; empty if no token is saved for the gateway. Raises GatewayError."""
    login = client.bearer_token
    if not login:
        return ""
    form = {
        "grant_type": _EXCHANGE,
        "subject_token": login,
        "subject_token_type": _ID_TOKEN,
        "scope": "function",
        "audience": f"{namespace or DEFAULT_NAMESPACE}:{name}",
    }
    status, body = client.post_form("/oauth/token", form)
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except msgspec.DecodeError:
        reply = _Reply(error=body.decode("utf-8", "replace").strip() or "no reason given")
    if not 200 <= status < 300 or not reply.access_token:
        reason = ": ".join(part for part in (reply.error, reply.error_description) if part)
        raise GatewayError(f"{client.gateway} refused a token for `{name}`: {reason} (status {status})", status=status)
    return reply.access_token


def decode_token(text: str) -> dict[str, Any]:
    """Header and payload of a JSON Web Token, its signature unchecked. Raises ValueError."""
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise ValueError("a token has three parts")
    return {name: _decoded(part) for name, part in zip(("header", "payload"), parts, strict=False)}


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
