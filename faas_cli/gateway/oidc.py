"""Logging in with an identity provider (OpenID Connect, OAuth 2.0): a browser flow or client credentials.

The browser is redirected to a server on this machine, which accepts exactly one answer with the right `state`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from faas_cli.errors import FaasError, UsageError

CODE, IMPLICIT, IMPLICIT_ID, CLIENT = "code", "implicit", "implicit-id", "client_credentials"
CALLBACK = "/oauth/callback"
_TIMEOUT = 15.0
_MAX_BODY_BYTES = 64 * 1024

# An implicit answer is in the URL's fragment, visible only to a script in the browser, which posts it.
_FORWARD_PAGE = b"""<!doctype html><meta charset="utf-8"><title>faas</title><p id="p">One moment&hellip;</p><script>
fetch(location.pathname, {method: "POST", body: location.hash.slice(1)}).then(a => a.text()).then(t => {
  document.getElementById("p").textContent = t; history.replaceState(null, "", location.pathname); });</script>"""
_DONE = "Logged in. You can close this window."


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider, its client, and the requested audience and scope."""

    auth_url: str
    token_url: str
    client_id: str
    client_secret: str = ""
    audience: str = ""
    scope: str = "openid profile"


def client_token(provider: IdentityProvider) -> str:
    """A token by client credentials. Raises FaasError with the provider's reason."""
    fields = {"grant_type": CLIENT, "client_id": provider.client_id, "client_secret": provider.client_secret}
    if provider.scope:
        fields["scope"] = provider.scope
    if provider.audience:
        fields["audience"] = provider.audience
    return _exchange(provider.token_url, fields)


class BrowserFlow:
    """One login through a browser. Use as a context manager, which listens for the answer."""

    def __init__(self, provider: IdentityProvider, grant: str, port: int, redirect_host: str) -> None:
        self._provider, self._grant = provider, grant
        self._state, self._nonce, self._verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._answer: dict[str, str] = {}
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
        query |= {"scope": provider.scope, "nonce": self._nonce}
        if provider.audience:
            query["audience"] = provider.audience
        if self._grant == CODE:
            digest = hashlib.sha256(self._verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            query |= {"response_type": "code", "code_challenge": challenge, "code_challenge_method": "S256"}
        else:
            query["response_type"] = "id_token" if self._grant == IMPLICIT_ID else "token"
        return f"{provider.auth_url}{'&' if '?' in provider.auth_url else '?'}{urlencode(query)}"

    def token(self, timeout: float) -> str:
        """Wait for the browser's answer, `timeout` seconds at most, and return the token. Raises FaasError."""
        if not self._answered.wait(timeout):
            raise FaasError(f"no login within {timeout:g} s", hint="increase it with `--timeout`")
        answer = self._answer
        if "error" in answer:
            raise FaasError(f"the identity provider refused: {answer.get('error_description') or answer['error']}")
        if self._grant != CODE:
            return _named(answer, "id_token" if self._grant == IMPLICIT_ID else "access_token")
        fields = {"grant_type": "authorization_code", "code": _named(answer, "code"), "redirect_uri": self._redirect}
        fields |= {"client_id": self._provider.client_id, "code_verifier": self._verifier}
        if self._provider.client_secret:
            fields["client_secret"] = self._provider.client_secret
        return _exchange(self._provider.token_url, fields)

    def _accept(self, answer: Mapping[str, str]) -> bool:
        """Accept an answer; False if its `state` is not ours, or there was one already."""
        if self._answer or not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return False
        self._answer = dict(answer)
        return True


def check(provider: IdentityProvider, grant: str) -> None:
    """Raise UsageError for missing or invalid options of a grant."""
    needed = {"--client-id": provider.client_id}
    if grant != CLIENT:
        needed["--auth-url"] = provider.auth_url
    if grant in (CODE, CLIENT):
        needed["--token-url"] = provider.token_url
    if grant == CLIENT:
        needed["--client-secret"] = provider.client_secret
    missing = [flag for flag, value in needed.items() if not value]
    if missing:
        raise UsageError(f"`--grant {grant}` needs {' and '.join(f'`{flag}`' for flag in missing)}")
    for flag, url in (("--auth-url", provider.auth_url), ("--token-url", provider.token_url)):
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise UsageError(f"`{flag} {url}` is not an http(s) address")


def _listen(
    port: int, accept: Callable[[Mapping[str, str]], bool], accepted: Callable[[], object]
) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = _TIMEOUT

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
            if not accept(answer):
                self._respond(400, b"No login is waiting for this answer.")
            else:
                self._respond(200, (answer.get("error_description") or answer.get("error") or _DONE).encode())
                # Last: the wait ends now and stops this server, and the browser must have its page before.
                accepted()

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


def _exchange(url: str, fields: Mapping[str, str]) -> str:
    import urllib3

    from faas_cli.proxies import pool_for

    try:
        answer = pool_for(url).request(
            "POST", url, fields=dict(fields), encode_multipart=False, timeout=_TIMEOUT, retries=False, redirect=False
        )
    except urllib3.exceptions.HTTPError as err:
        raise FaasError(f"the identity provider at {url} cannot be reached: {type(err).__name__}") from None
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise FaasError(f"{url} is not a token endpoint: status {answer.status}, no JSON")
    if answer.status != 200:
        reason = content.get("error_description") or content.get("error") or answer.status
        raise FaasError(f"the identity provider refused: {reason}")
    return _named(content, "access_token")


def _named(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise FaasError(f"the identity provider's answer has no `{name}`")
    return value
