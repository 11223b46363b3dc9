"""Logging in on another device (RFC 8628): the user types a code there, this machine waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from faas_cli.errors import FaasError
from faas_cli.gateway.oidc_token import Login, Refused, TokenEndpoint, post, request_login, required

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0
"""Seconds between two polls, unless the provider names another number; added after each `slow_down`."""


def device_login(
    device_url: str,
    endpoint: TokenEndpoint,
    scope: str,
    audience: str,
    timeout: float,
    show: Callable[[str, str], object],
) -> Login:
    """Log in through another device, within `timeout` seconds. Raises FaasError.

    `show` is called with the address to open and the code to type there.
    """
    fields = {"client_id": endpoint.client_id, "scope": scope, "audience": audience}
    begun = post(device_url, {name: value for name, value in fields.items() if value})
    code = required(begun, "device_code")
    show(
        str(begun.get("verification_uri_complete") or required(begun, "verification_uri")),
        required(begun, "user_code"),
    )
    interval = _seconds(begun.get("interval"), _INTERVAL)
    deadline = time.monotonic() + min(timeout, _seconds(begun.get("expires_in"), timeout))
    while True:
        if time.monotonic() + interval > deadline:
            raise FaasError("nobody has signed in within the time", hint="start again; `--timeout` gives more time")
        time.sleep(interval)
        try:
            return request_login(endpoint, {"grant_type": DEVICE_GRANT, "device_code": code})
        except Refused as err:
            if err.code == "slow_down":
                interval += _INTERVAL
            elif err.code != "authorization_pending":
                raise


def _seconds(value: object, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else default
