"""Logging in with an identity provider (OpenID Connect, OAuth 2.0): discovery, and the flow through a browser.

The browser is redirected to a server on this machine, which accepts exactly one answer: one with another `state` ends
the login.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from faas_cli.errors import FaasError, UsageError
from faas_cli.gateway.oidc_token import (
    TIMEOUT,
    Login,
    TokenEndpoint,
    authenticates_in_body,
    get,
    request_login,
    required,
)

CODE, IMPLICIT, IMPLICIT_ID, CLIENT, DEVICE = "code", "implicit", "implicit-id", "client_credentials", "device"
CALLBACK = "/oauth/callback"
_DISCOVERY = "/.well-known/openid-configuration"
_SCOPE = "openid profile"
_MAX_BODY_BYTES = 64 * 1024

# An implicit answer is in the URL's fragment, visible only to a script in the browser, which posts it.
_FORWARD_PAGE = b"""<!doctype html><meta charset="utf-8"><title>faas</title><p id="p">One moment&hellip;</p><script>
fetch(location.pathname, {method: "POST", body: location.hash.slice(1)}).then(a => a.text()).then(t => {
  document.getElementById("p").textContent = t; history.replaceState(null, "", location.pathname); });</script>"""
_DONE = "Logged in. You can close this window."
_NOT_OURS = "This answer belongs to another login. The command has ended; run `faas auth` again."


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider, its client, and the requested audience and scope (None for the grant's default)."""

    auth_url: str
    token_url: str
    client_id: str
    client_secret: str = ""
    audience: str = ""
    scope: str | None = None
    device_url: str = ""
    secret_in_body: bool = False
    offline: bool = False
    """Whether it is known to issue refresh tokens for the scope `offline_access`."""

    @property
    def endpoint(self) -> TokenEndpoint:
        """The token endpoint and its client."""
        return TokenEndpoint(
            url=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            secret_in_body=self.secret_in_body,
        )

    def scope_for(self, grant: str) -> str:
        """The scope to request: the typed one, none for a client, else those that name the user."""
        if self.scope is not None or grant == CLIENT:
            return self.scope or ""
        return f"{_SCOPE} offline_access" if self.offline and grant in (CODE, DEVICE) else _SCOPE


def discover(issuer: str, provider: IdentityProvider) -> IdentityProvider:
    """The provider with the addresses that its issuer publishes; typed ones win. Raises FaasError."""
    if urlsplit(issuer).scheme not in ("http", "https"):
        raise UsageError(f"`--issuer {issuer}` is not an http(s) address")
    found = get(f"{issuer.rstrip('/')}{_DISCOVERY}")
    named = required(found, "issuer")
    if named.rstrip("/") != issuer.rstrip("/"):
        raise FaasError(f"`{issuer}` says that it is another issuer: {named}", hint=f"--issuer {named}")
    return replace(
        provider,
        auth_url=provider.auth_url or str(found.get("authorization_endpoint") or ""),
        token_url=provider.token_url or required(found, "token_endpoint"),
        device_url=provider.device_url or str(found.get("device_authorization_endpoint") or ""),
        secret_in_body=authenticates_in_body(found.get("token_endpoint_auth_methods_supported")),
        offline="offline_access" in (found.get("scopes_supported") or ()),
    )


def client_login(provider: IdentityProvider) -> Login:
    """A login by client credentials. Raises FaasError with the provider's reason."""
    fields = {"grant_type": CLIENT, "scope": provider.scope_for(CLIENT), "audience": provider.audience}
    return request_login(provider.endpoint, {name: value for name, value in fields.items() if value})


class BrowserFlow:
    """One login through a browser. Use as a context manager, which listens for the answer."""

    def __init__(self, provider: IdentityProvider, grant: str, port: int, redirect_host: str) -> None:
        self._provider, self._grant = provider, grant
        self._state, self._nonce, self._verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._answer: dict[str, str] | None = None
        self._answered = threading.Event()
        self._server = _listen(port, self._accept, self._answered.set)
        host = redirect_host.rstrip("/")
        self._redirect = f"{host}:{self._server.server_address[1]}{CALLBACK}"

    def __enter__(self) -> BrowserFlow:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """The address to open in the browser."""
        provider = self._provider
        query = {"client_id": provider.client_id, "redirect_uri": self._redirect, "state": self._state}
        query |= {"scope": provider.scope_for(self._grant), "nonce": self._nonce}
        if provider.audience:
            query["audience"] = provider.audience
        if self._grant == CODE:
            digest = hashlib.sha256(self._verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            query |= {"response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256"}
        else:
            query["response_type"] = "id_token" if self._grant == IMPLICIT_ID else "token"
        return f"{provider.auth_url}{'&' if '?' in provider.auth_url else '?'}{urlencode(query)}"

    def login(self, timeout: float) -> Login:
        """Wait for the browser's answer, `timeout` seconds at most, and return the login. Raises FaasError."""
        if not self._answered.wait(timeout):
            raise FaasError(f"no login within {timeout:g} s", hint="increase it with `--timeout`")
        answer = self._answer
        if answer is None:
            raise FaasError(
                "the browser brought the answer of another login: its `state` is not that of this one",
                hint="close older login pages and run `faas auth` again; nothing was saved",
            )
        if "error" in answer:
            raise FaasError(f"the identity provider refused: {answer.get('error_description') or answer['error']}")
        if self._grant != CODE:
            return Login(token=required(answer, "id_token" if self._grant == IMPLICIT_ID else "access_token"))
        fields = {"grant_type": "authorization_code", "code": required(answer, "code"), "redirect_uri": self._redirect}
        return request_login(self._provider.endpoint, {**fields, "code_verifier": self._verifier})

    def _accept(self, answer: Mapping[str, str]) -> bool:
        """Accept an answer; False if its `state` is not ours, which ends the login, or there was one already."""
        if self._answered.is_set() or self._answer is not None:
            return False
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return False
        self._answer = dict(answer)
        return True


def check(provider: IdentityProvider, grant: str) -> None:
    """Raise UsageError for missing or invalid options of a grant."""
    needed = {"--client-id": provider.client_id}
    if grant not in (CLIENT, DEVICE):
        needed["--auth-url"] = provider.auth_url
    if grant in (CODE, CLIENT, DEVICE):
        needed["--token-url"] = provider.token_url
    if grant == CLIENT:
        needed["--client-secret"] = provider.client_secret
    if grant == DEVICE:
        needed["--device-url"] = provider.device_url
    missing = [flag for flag, value in needed.items() if not value]
    if missing:
        urls = any(flag.endswith("-url") for flag in missing)
        hint = "`--issuer URL` finds the addresses of a provider of OpenID Connect" if urls else ""
        raise UsageError(f"`--grant {grant}` needs {' and '.join(f'`{flag}`' for flag in missing)}", hint=hint)
    addresses = {
        "--auth-url": provider.auth_url,
        "--token-url": provider.token_url,
        "--device-url": provider.device_url,
    }
    for flag, url in addresses.items():
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(f"`{flag} {url}` is not an http(s) address")


def _listen(
    port: int, accept: Callable[[Mapping[str, str]], bool], answered: Callable[[], object]
) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = TIMEOUT

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path != CALLBACK:
                self._respond(404, b"not found")
            elif url.query:
                self._decide(url.query)
            else:
                self._respond(200, _FORWARD_PAGE, "text/html")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if urlsplit(self.path).path != CALLBACK or not length.isdigit() or int(length) > _MAX_BODY_BYTES:
                self._respond(404, b"not found")
                return
            self._decide(self.rfile.read(int(length)).decode("utf-8", "replace"))

        def _decide(self, text: str) -> None:
            answer = {name: values[0] for name, values in parse_qs(text).items()}
            if accept(answer):
                self._respond(200, (answer.get("error_description") or answer.get("error") or _DONE).encode())
            else:
                self._respond(400, _NOT_OURS.encode())
            # Last: the wait ends now and stops this server, and the browser must have its page before.
            answered()

        def _respond(self, status: int, body: bytes, kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Not logged: addresses contain codes and tokens."""

    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as err:
        raise FaasError(
            f"cannot listen on port {port}: {err.strerror}", hint="choose another one with `--listen-port`"
        ) from None
