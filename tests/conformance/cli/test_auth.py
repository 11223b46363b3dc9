"""`faas auth` against a small identity provider, which checks what a real one checks.

It is a stand-in: a real provider would need accounts. The browser is one too: it follows the
address that is printed, as a person would.
"""

import base64
import hashlib
import http.server
import json
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
import yaml

TOKEN = "header.payload.signature"


class IdentityProvider(http.server.BaseHTTPRequestHandler):
    """Asks nobody for a password; everything else as RFC 6749 and RFC 7636 have it."""

    server: Any

    def do_GET(self):
        if self.path == "/.well-known/openid-configuration":
            self.respond(200, self.server.configuration)
            return
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.server.asked = query
        answer = {"state": query["state"]}
        if query["client_id"] != "faas":
            answer |= {"error": "unauthorized_client", "error_description": "this client is unknown"}
        elif query["response_type"] == "code":
            answer["code"] = "a-code"
        else:
            answer["id_token" if query["response_type"] == "id_token" else "access_token"] = TOKEN
        separator = "?" if query["response_type"] == "code" or "error" in answer else "#"
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}{separator}{urllib.parse.urlencode(answer)}")
        self.end_headers()

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.server.forms.append(form)
        if self.path == "/device":
            self.respond(200, self.server.device)
            return
        client, secret = form.get("client_id"), form.get("client_secret")
        if "Authorization" in self.headers and not self.server.in_body_only:
            pair = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            client, secret = map(urllib.parse.unquote_plus, pair.split(":"))
        if client not in ("faas", "ci/1") or secret != {"faas": None, "ci/1": "s3:cret"}[client]:
            self.respond(401, {"error": "invalid_client", "error_description": "that is wrong"})
            return
        if form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code":
            good = form["device_code"] == "d-1"
            if good and self.server.polls:
                self.respond(400, {"error": self.server.polls.pop(0)})
                return
        elif form["grant_type"] == "refresh_token":
            good = form["refresh_token"] in self.server.refresh
        elif form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            asked = self.server.asked
            good = form["code"] == "a-code" and challenge == asked["code_challenge"]
            good = good and asked["code_challenge_method"] == "S256" and form["redirect_uri"] == asked["redirect_uri"]
        else:
            good = form["grant_type"] == "client_credentials" and client == "ci/1"
        if good:
            self.respond(200, {"access_token": TOKEN, **self.server.answer})
        else:
            self.respond(400, {"error": "invalid_grant", "error_description": "that is wrong"})

    def respond(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args): ...


@pytest.fixture
def running():
    """The provider's server, and what it is to answer."""
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), IdentityProvider)
    url = f"http://127.0.0.1:{server.server_port}"
    server.forms, server.in_body_only, server.answer, server.refresh = [], False, {}, set()
    server.configuration = {
        "issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token",
        "device_authorization_endpoint": f"{url}/device", "scopes_supported": ["openid", "offline_access"],
    }  # fmt: skip
    server.device = {
        "device_code": "d-1", "user_code": "WDJB-MJHT", "verification_uri": f"{url}/activate", "expires_in": 600,
        "interval": 0.05,
    }  # fmt: skip
    server.polls = []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(running):
    """Its address."""
    return running.configuration["issuer"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def where_it_leads(url):
    """The address a provider sends the browser to."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, timeout=10).close()
    except urllib.error.HTTPError as answer:
        return answer.headers["Location"]
    raise AssertionError(url)


def fetch(url, body=None):
    """Status of an answer."""
    try:
        with urllib.request.urlopen(url, body, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as err:
        return err.code


def come_back(address):
    """What a browser does with where the provider sends it: what is behind the `#` its script hands on."""
    place, _, behind = address.partition("#")
    assert fetch(place) == 200
    if behind:
        assert fetch(place, behind.encode()) == 200


class Attempt:
    """`faas auth`, waiting for its browser."""

    def __init__(self, client, provider, *flags, client_id="faas"):
        command = [*client.cli, "auth", "--client-id", client_id]
        command += [] if "--issuer" in flags else ["--auth-url", f"{provider}/authorize"]
        command += ["--listen-port", "0", "--launch-browser=false", *flags]
        self.process = subprocess.Popen(
            command, cwd=client.folder, env=client.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.address = re.search(r"http://\S+", self.process.stderr.readline())[0]

    def end(self):
        """Its exit code and messages."""
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


def saved(client):
    """The one entry of the credentials file."""
    path = client.folder.parent / "home" / ".openfaas" / "config.yml"
    assert path.stat().st_mode & 0o777 == 0o600
    (entry,) = yaml.safe_load(path.read_text())["auths"]
    return entry


@pytest.mark.parametrize("grant", ["code", "implicit", "implicit-id"])
def test_through_a_browser(client, provider, grant):
    """The token is saved for the gateway and goes with the next command; PKCE is checked by the provider."""
    attempt = Attempt(client, provider, "--grant", grant, "--token-url", f"{provider}/token")
    come_back(where_it_leads(attempt.address))
    assert attempt.end()[0] == 0
    entry = saved(client)
    assert (entry["gateway"], entry["auth"], entry["token"]) == (client.gateway.url, "oauth2", TOKEN)
    client.gateway.answers["GET /system/functions"] = (200, [])
    client.run("list")
    assert client.gateway.requests[-1].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("in_body_only", [False, True], ids=["basic", "body"])
def test_for_a_client_of_its_own(client, running, provider, in_body_only):
    """No browser, no scope; the secret from the environment, sent as the provider supports it."""
    running.in_body_only = in_body_only
    flags = ["auth", "--grant", "client_credentials", "--token-url", f"{provider}/token", "--client-id", "ci/1"]
    client.run(*flags, code=2)
    client.env["OPENFAAS_CLIENT_SECRET"] = "s3:cret"
    client.run(*flags)
    assert saved(client)["token"] == TOKEN
    assert "scope" not in running.forms[-1]
    assert ("client_secret" in running.forms[-1]) == in_body_only
    client.run(*flags, "--scope", "deploy")
    assert running.forms[-1]["scope"] == "deploy"
    client.env["OPENFAAS_CLIENT_SECRET"] = "wrong"
    assert b"the identity provider refused: that is wrong" in client.run(*flags, code=1).stderr


def test_an_answer_nobody_asked_for(client, provider):
    """A wrong `state` ends the login at once, in the browser as well, and nothing is saved."""
    attempt = Attempt(client, provider, "--token-url", f"{provider}/token")
    good = where_it_leads(attempt.address)
    assert fetch(good.replace("/oauth/callback", "/")) == 404
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(re.sub(r"state=[^&]+", "state=guess", good), timeout=10)
    assert refused.value.code == 400
    assert b"This answer belongs to another login. The command has ended" in refused.value.read()
    code, errors = attempt.end()
    assert code == 1
    assert "its `state` is not that of this one" in errors
    assert not (client.folder.parent / "home" / ".openfaas").exists()


def test_the_addresses_of_an_issuer(client, running, provider):
    """Only the issuer is named; a scope for a refresh token is requested where the issuer knows it."""
    attempt = Attempt(client, provider, "--issuer", f"{provider}/")
    come_back(where_it_leads(attempt.address))
    assert attempt.end()[0] == 0
    assert saved(client)["token"] == TOKEN
    assert running.asked["scope"] == "openid profile offline_access"
    running.configuration["issuer"] = "https://other.example"
    error = client.run("auth", "--issuer", provider, "--client-id", "faas", code=1).stderr
    assert b"says that it is another issuer: https://other.example" in error
    running.configuration = ["no", "object"]
    error = client.run("auth", "--issuer", provider, "--client-id", "faas", code=1).stderr
    assert b"is not an address of an identity provider" in error


def test_on_another_device(client, running, provider):
    """Address and code are shown; polls go on while nobody has signed in, and slower when told so."""
    running.polls = ["authorization_pending", "authorization_pending"]
    flags = ["auth", "--issuer", provider, "--client-id", "faas", "--grant", "device"]
    shown = client.run(*flags).stderr.decode()
    assert f"Sign in on any device: {provider}/activate\nCode: WDJB-MJHT" in shown
    assert saved(client)["token"] == TOKEN
    assert [form.get("device_code") for form in running.forms] == [None, "d-1", "d-1", "d-1"]
    running.polls = ["access_denied"]
    assert b"the identity provider refused: access_denied" in client.run(*flags, code=1).stderr
    running.polls = ["authorization_pending", "slow_down"]
    assert b"nobody has signed in within the time" in client.run(*flags, "--timeout", "1s", code=1).stderr
    del running.configuration["device_authorization_endpoint"]
    assert b"`--grant device` needs `--device-url`" in client.run(*flags, code=2).stderr


def test_a_token_is_renewed(client, running, provider):
    """Before it expires, once, with the new refresh token the next time; until the provider ends the login."""
    client.gateway.answers["GET /system/functions"] = (200, [])
    running.answer = {"expires_in": 1, "refresh_token": "r-1"}
    client.run("auth", "--issuer", provider, "--client-id", "faas", "--grant", "device")
    running.answer = {"access_token": "second", "expires_in": 1, "refresh_token": "r-2"}
    running.refresh = {"r-1"}
    client.run("list")
    assert client.gateway.requests[-1].headers["Authorization"] == "Bearer second"
    assert saved(client)["token"] == "second"
    running.answer = {"access_token": "third", "expires_in": 3600}
    running.refresh = {"r-2"}
    client.run("list")
    client.run("list")
    assert client.gateway.requests[-1].headers["Authorization"] == "Bearer third"
    assert [form.get("refresh_token") for form in running.forms if "refresh_token" in form] == ["r-1", "r-2"]
    running.answer = {"expires_in": 1, "refresh_token": "r-3"}
    client.run("auth", "--issuer", provider, "--client-id", "faas", "--grant", "device")
    running.refresh = set()
    error = client.run("list", code=1).stderr.decode()
    assert "has ended: the identity provider refused: that is wrong" in error
    assert "hint: log in again with `faas auth`" in error
    client.run("logout")
    assert not yaml.safe_load((client.folder.parent / "home/.openfaas/config.yml").read_text())["auths"]


def test_a_provider_that_refuses(client, provider):
    """The provider's error is printed and nothing is saved."""
    attempt = Attempt(client, provider, client_id="nobody")
    come_back(where_it_leads(attempt.address))
    code, errors = attempt.end()
    assert code == 1
    assert "faas: the identity provider refused: this client is unknown" in errors
    assert not (client.folder.parent / "home" / ".openfaas").exists()


def test_nobody_signs_in(client, provider):
    """The wait has a timeout."""
    code, errors = Attempt(client, provider, "--timeout", "100ms").end()
    assert code == 1
    assert "no login within 0.1 s" in errors


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--grant", "code"], b"needs `--client-id` and `--auth-url` and `--token-url`"),
        (["--client-id", "a"], b"needs `--auth-url`"),
        (["--client-id", "a", "--auth-url", "ftp://x"], b"is not an http(s) address"),
    ],
)
def test_what_is_missing(client, flags, words):
    """Contradictory flags fail before any request."""
    assert words in client.run("auth", *flags, code=2).stderr
