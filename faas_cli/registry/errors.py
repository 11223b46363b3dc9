"""Errors of registries, with their reason and a hint."""

from __future__ import annotations

import json
import ssl

import urllib3

from faas_cli.errors import FaasError
from faas_cli.registry.reference import DOCKER_HUB


class RegistryError(FaasError):
    """A registry refused a request or could not be reached. `status` is the HTTP status, 0 if there was no answer."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def refused(answer: urllib3.BaseHTTPResponse, host: str, repository: str, *, had_credentials: bool) -> RegistryError:
    """The error for an unsuccessful answer."""
    if answer.status in (401, 403):
        what = "rejected the credentials" if had_credentials else "requires credentials"
        server = "docker.io" if host == DOCKER_HUB else host
        ours = f"`faas registry-login --server {server}` and then `DOCKER_CONFIG=credentials`"
        hint = f"`docker login {server}`, or {ours}"
        reason = _reason(answer)
        suffix = f": {reason}" if reason != f"status {answer.status}" else ""
        return RegistryError(f"the registry {host} {what} for `{repository}`{suffix}", hint=hint, status=answer.status)
    if answer.status == 404:
        return RegistryError(f"the registry {host} has no such image in `{repository}`", status=404)
    return RegistryError(f"the registry {host} refused: {_reason(answer)}", status=answer.status)


def unreachable(err: urllib3.exceptions.HTTPError, host: str) -> RegistryError:
    """The error for a registry that did not answer."""
    cause: BaseException = getattr(err, "reason", None) or err
    # The library wraps the reason several times; the innermost is the useful one.
    while isinstance(inner := cause.__cause__ or cause.__context__ or next(iter(cause.args), None), BaseException):
        cause = inner
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = "if you trust it, add it to `FAAS_INSECURE_REGISTRIES`"
        return RegistryError(f"the registry {host} has an invalid certificate: {cause.verify_message}", hint=hint)
    if isinstance(err, urllib3.exceptions.ReadTimeoutError):
        hint = "try again; if it is behind a proxy, check that the proxy is reachable"
        return RegistryError(f"the registry {host} stopped answering: no byte came before the timeout", hint=hint)
    reason = getattr(cause, "strerror", None) or str(cause).rpartition(": ")[2] or type(cause).__name__
    return RegistryError(
        f"the registry {host} does not answer: {reason}", hint="check the image's name and the network"
    )


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        errors = json.loads(answer.data)["errors"]
        words = (" ".join(str(each[key]) for key in ("code", "message") if each.get(key)) for each in errors)
        return "; ".join(words) or f"status {answer.status}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {answer.status}"
