"""The token endpoint of an identity provider: client authentication, tokens and their renewal."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import msgspec

from faas_cli.errors import FaasError

TIMEOUT = 15.0
_MARGIN = 30
"""Seconds before its expiry at which a token is renewed."""
_BASIC, _POST = "client_secret_basic", "client_secret_post"


class TokenEndpoint(msgspec.Struct, kw_only=True):
    """A token endpoint and the client that calls it; `secret_in_body` for one that rejects Basic authentication."""

    url: str
    client_id: str
    client_secret: str = ""
    secret_in_body: bool = False


class Login(msgspec.Struct, kw_only=True):
    """A token, and what is needed to renew it; `expires_at` is in seconds since the epoch, 0 if unknown."""

    token: str
    expires_at: float = 0.0
    refresh_token: str = ""
    endpoint: TokenEndpoint | None = None

    def is_old(self) -> bool:
        """Whether the token expires soon and can be renewed."""
        return bool(self.refresh_token and self.expires_at and time.time() > self.expires_at - _MARGIN)


class Refused(FaasError):
    """The identity provider's refusal; `code` is the error code of RFC 6749."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"the identity provider refused: {reason}")
        self.code = code


def authenticates_in_body(methods: list[str] | None) -> bool:
    """Whether a provider that lists these authentication methods supports no Basic authentication."""
    return methods is not None and _BASIC not in methods and _POST in methods


def request_login(endpoint: TokenEndpoint, fields: Mapping[str, str]) -> Login:
    """Exchange a grant for a token. Raises FaasError, Refused."""
    content = _authenticated(endpoint, fields)
    token = required(content, "access_token")
    lifetime = content.get("expires_in")
    expires = time.time() + lifetime if isinstance(lifetime, (int, float)) and lifetime > 0 else _expiry_of(token)
    refresh = content.get("refresh_token") or ""
    return Login(token=token, expires_at=expires, refresh_token=str(refresh), endpoint=endpoint if refresh else None)


def renew(login: Login) -> Login:
    """A new token for an old one. Raises FaasError, Refused when the login has ended."""
    assert login.endpoint is not None
    new = request_login(login.endpoint, {"grant_type": "refresh_token", "refresh_token": login.refresh_token})
    # A provider may keep the refresh token or replace it.
    new.refresh_token, new.endpoint = new.refresh_token or login.refresh_token, login.endpoint
    return new


def post(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Send a form; returns the provider's object. Raises FaasError, Refused with the provider's reason."""
    return _answer("POST", url, fields=dict(fields), encode_multipart=False, headers=dict(headers or {}))


def get(url: str) -> dict[str, Any]:
    """Fetch an object. Raises FaasError."""
    return _answer("GET", url)


def required(answer: Mapping[str, Any], name: str) -> str:
    """A text of an answer. Raises FaasError if there is none."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise FaasError(f"the identity provider's answer has no `{name}`")
    return value


def _authenticated(endpoint: TokenEndpoint, fields: Mapping[str, str]) -> dict[str, Any]:
    if not endpoint.client_secret:
        return post(endpoint.url, {**fields, "client_id": endpoint.client_id})
    if not endpoint.secret_in_body:
        try:
            return post(endpoint.url, fields, _basic(endpoint))
        except Refused as err:
            # RFC 6749 makes providers support Basic authentication; some do not, and name no methods either.
            if err.code != "invalid_client":
                raise
    secret = {"client_id": endpoint.client_id, "client_secret": endpoint.client_secret}
    content = post(endpoint.url, {**fields, **secret})
    endpoint.secret_in_body = True
    return content


def _basic(endpoint: TokenEndpoint) -> dict[str, str]:
    # RFC 6749, section 2.3.1: both are form-encoded first.
    pair = f"{quote_plus(endpoint.client_id)}:{quote_plus(endpoint.client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _answer(method: str, url: str, **options: Any) -> dict[str, Any]:
    import urllib3

    from faas_cli.proxies import pool_for

    try:
        answer = pool_for(url).request(method, url, timeout=TIMEOUT, retries=False, redirect=False, **options)
    except urllib3.exceptions.HTTPError as err:
        raise FaasError(f"the identity provider at {url} cannot be reached: {type(err).__name__}") from None
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise FaasError(f"{url} is not an address of an identity provider: status {answer.status}, no JSON")
    if answer.status != 200:
        code = str(content.get("error") or "")
        raise Refused(code, str(content.get("error_description") or code or f"status {answer.status}"))
    return content


def _expiry_of(token: str) -> float:
    """The expiry in a JSON Web Token; 0 for another token or none."""
    from faas_cli.gateway.function_token import decode_token

    try:
        return float(decode_token(token)["payload"]["exp"])
    except (ValueError, LookupError, TypeError):
        return 0.0
