"""Credentials of gateways, in faas-cli's file, so that both tools share them."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faas_cli.errors import FaasError
from faas_cli.gateway import keychain
from faas_runtime.core.files import locked, write_file

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.gateway.oidc_token import Login

# Options of an entry: its token is in the keychain; how its token is renewed.
_STORE, _LOGIN = "faas-store", "faas-login"

DEFAULT_GATEWAY = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A gateway's credentials: user and password, or a bearer token."""

    user: str = ""
    password: str = ""
    token: str = ""

    def authorization(self) -> str:
        """The value of the `Authorization` header."""
        if self.token:
            return f"Bearer {self.token}"
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def normalised(gateway: str) -> str:
    """A gateway's normalised address: scheme and host in lower case, no trailing slash.

    Raises FaasError when it is not an http(s) address.
    """
    from urllib.parse import urlsplit

    text = gateway.strip().rstrip("/")
    if "://" not in text:
        text = f"http://{text}"
    try:
        url = urlsplit(text)
        valid = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port)
    except ValueError:
        valid = False
    if not valid:
        raise FaasError(f"`{gateway}` is not a valid gateway address", hint=f"write it like `{DEFAULT_GATEWAY}`")
    return f"{url.scheme.lower()}://{url.netloc.lower()}{url.path}"


def gateway_of(typed: str | None, in_stack: str = "") -> str:
    """The gateway's address: the flag, else the stack file, else `OPENFAAS_URL`, else the default."""
    return normalised(typed or in_stack or os.environ.get("OPENFAAS_URL") or DEFAULT_GATEWAY)


def warn_plain_http(gateway: str, console: Console) -> None:
    """Warn when credentials would cross a network without encryption."""
    if not gateway.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        console.warning(f"{gateway} is not encrypted: the password crosses the network in the clear")


def namespace_of(typed: str, in_stack: str = "") -> str:
    """The namespace: the flag, else the stack file, else `OPENFAAS_NS`, else empty (the gateway's default)."""
    return typed or in_stack or os.environ.get("OPENFAAS_NS", "")


def config_path() -> Path:
    """The credentials file: in `$OPENFAAS_CONFIG`, in CI `./.openfaas`, else `~/.openfaas`."""
    chosen = os.environ.get("OPENFAAS_CONFIG")
    if chosen:
        return Path(chosen).expanduser() / "config.yml"
    if os.environ.get("CI") in ("true", "1"):
        return Path(".openfaas") / "config.yml"
    return Path.home() / ".openfaas" / "config.yml"


def load_credentials(gateway: str) -> Credentials | None:
    """The credentials saved for a gateway, None if there are none; a token that expires is renewed first.

    Raises FaasError when they cannot be read, or the identity provider has ended the login.
    """
    found = _entry_of(gateway)
    if found is None:
        return None
    if (login := _login(found)) is not None and login.is_old():
        return Credentials(token=_renewed(gateway).token)
    return _credentials(found)


def _entry_of(gateway: str) -> dict[str, Any] | None:
    return next((entry for entry in _entries() if entry.get("gateway") == normalised(gateway)), None)


def _renewed(gateway: str) -> Login:
    """Renew a login and save it; one process at a time, since a refresh token may be valid only once."""
    from faas_cli.gateway.oidc_token import Refused, renew

    path = config_path()
    with locked(path.with_name(f"{path.name}.lock")):
        login = _login(_entry_of(gateway) or {})
        if login is None:
            raise FaasError(f"the login for {gateway} was removed meanwhile", hint="faas auth")
        if not login.is_old():  # another process has renewed it
            return login
        try:
            login = renew(login)
        except Refused as err:
            raise FaasError(
                f"the login for {gateway} has ended: {err.message}", hint="log in again with `faas auth`"
            ) from None
        save_login(gateway, login)
        return login


def save_credentials(gateway: str, user: str, password: str) -> str:
    """Save user and password of a gateway, replacing earlier credentials; returns the place, for people.

    The place is the system's keychain if there is one, else the credentials file. Raises FaasError.
    """
    return _save(gateway, "basic", base64.b64encode(f"{user}:{password}".encode()).decode())


def save_login(gateway: str, login: Login) -> str:
    """Save a bearer token of a gateway and how to renew it, like `save_credentials`."""
    import msgspec

    if not login.refresh_token:
        return _save(gateway, "oauth2", login.token)
    return _save(gateway, "oauth2", login.token, msgspec.json.encode(login).decode())


def _login(entry: dict[str, Any]) -> Login | None:
    """The login of an entry; None if it has none that can be renewed."""
    options = {option.get("name"): option.get("value") for option in entry.get("options") or ()}
    text = options.get(_LOGIN)
    if not text:
        return None
    import msgspec

    from faas_cli.gateway.oidc_token import Login

    if options.get(_STORE):
        text = keychain.fetch(f"{entry.get('gateway')} {_LOGIN}")
    try:
        return msgspec.json.decode(str(text), type=Login)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _save(gateway: str, kind: str, token: str, login: str = "") -> str:
    kept = keychain.store(normalised(gateway), token)
    kept = kept and (not login or keychain.store(f"{normalised(gateway)} {_LOGIN}", login))
    entry: dict[str, Any] = {"gateway": normalised(gateway), "auth": kind, "token": "" if kept else token}
    options = [{"name": _STORE, "value": "keychain"}] if kept else []
    options += [{"name": _LOGIN, "value": "keychain" if kept else login}] if login else []
    if options:
        entry["options"] = options
    entries = _entries()
    for number, old in enumerate(entries):
        if old.get("gateway") == entry["gateway"]:
            entries[number] = entry
            break
    else:
        entries.append(entry)
    _write(entries)
    return "the keychain" if kept else str(config_path())


def remove_credentials(gateway: str) -> bool:
    """Remove the credentials of a gateway; False if there were none. Raises FaasError."""
    entries = _entries()
    kept = [entry for entry in entries if entry.get("gateway") != normalised(gateway)]
    if len(kept) == len(entries):
        return False
    keychain.forget(normalised(gateway))
    keychain.forget(f"{normalised(gateway)} {_LOGIN}")
    _write(kept)
    return True


def _credentials(entry: dict[str, Any]) -> Credentials:
    token = str(entry.get("token") or "")
    if any(option.get("name") == _STORE for option in entry.get("options") or ()):
        token = keychain.fetch(str(entry.get("gateway")))
    if entry.get("auth") == "oauth2":
        return Credentials(token=token)
    try:
        user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise FaasError(
            f"the credentials of {entry.get('gateway')} in `{config_path()}` cannot be decoded",
            hint="save them again with `faas login`",
        ) from None
    return Credentials(user=user, password=password)


def _entries() -> list[dict[str, Any]]:
    import yaml

    path = config_path()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        entries = content.get("auths") or []
        if not all(isinstance(entry, dict) for entry in entries):
            raise ValueError
    except FileNotFoundError:
        return []
    except OSError as err:
        raise FaasError(f"`{path}` cannot be read: {err.strerror}") from None
    except (yaml.YAMLError, RecursionError, ValueError, AttributeError, TypeError):
        raise FaasError(f"`{path}` is not a credentials file", hint="repair or delete it, then log in again") from None
    return list(entries)


def _write(entries: list[dict[str, Any]]) -> None:
    import yaml

    path = config_path()
    try:
        write_file(path, yaml.safe_dump({"auths": entries}, sort_keys=False), mode=0o600)
    except OSError as err:
        raise FaasError(f"the credentials cannot be saved in `{path}`: {err.strerror}") from None
