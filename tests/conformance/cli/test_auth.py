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
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            asked = self.server.asked
            good = form["code"] == "a-code" and challenge == asked["code_challenge"]
            good = good and asked["code_challenge_method"] == "S256" and form["redirect_uri"] == asked["redirect_uri"]
        else:
            good = (form["client_id"], form["client_secret"]) == ("faas", "s3cret")
        body = {"access_token": TOKEN} if good else {"error": "invalid_grant", "error_description": "that is wrong"}
        text = json.dumps(body).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args): ...


@pytest.fixture
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), IdentityProvider)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


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
        command = [*client.cli, "auth", "--auth-url", f"{provider}/authorize", "--client-id", client_id]
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


def test_for_a_client_of_its_own(client, provider):
    """No browser; the secret from the environment, where no other user sees it."""
    flags = ["auth", "--grant", "client_credentials", "--token-url", f"{provider}/token", "--client-id", "faas"]
    client.run(*flags, code=2)
    client.env["OPENFAAS_CLIENT_SECRET"] = "s3cret"
    client.run(*flags)
    assert saved(client)["token"] == TOKEN
    client.env["OPENFAAS_CLIENT_SECRET"] = "wrong"
    assert b"the identity provider refused: that is wrong" in client.run(*flags, code=1).stderr


def test_an_answer_nobody_asked_for(client, provider):
    """A page that knows the port must not be able to log anybody in as somebody else."""
    attempt = Attempt(client, provider, "--token-url", f"{provider}/token")
    good = where_it_leads(attempt.address)
    assert fetch(re.sub(r"state=[^&]+", "state=guess", good)) == 400
    assert fetch(good.replace("/oauth/callback", "/")) == 404
    come_back(good)
    assert attempt.end()[0] == 0
    assert saved(client)["token"] == TOKEN


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
