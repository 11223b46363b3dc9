"""jwt_auth: only requests with a token of the authority reach the function."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import random
import threading
import time
from typing import Any

import pytest

from tests.conformance.watchdog.watchdog_driver import eventually, seen, settings_of_function

ISSUER = "http://authority.example"
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Key:
    """An RSA key, made here so that no private key lies about. Good enough to sign tests."""

    def __init__(self, name: str) -> None:
        self.name, self.e = name, 65537
        p, q = prime(512), prime(512)
        self.n, self.d = p * q, pow(self.e, -1, (p - 1) * (q - 1))

    def sign(self, data: bytes) -> bytes:
        tail = DIGEST_INFO + hashlib.sha256(data).digest()
        padded = b"\0\1" + b"\xff" * (128 - 3 - len(tail)) + b"\0" + tail
        return pow(int.from_bytes(padded, "big"), self.d, self.n).to_bytes(128, "big")

    @property
    def public(self) -> dict[str, str]:
        n, e = self.n.to_bytes(128, "big"), self.e.to_bytes(3, "big")
        return {"kty": "RSA", "kid": self.name, "n": text(n), "e": text(e)}


def prime(bits: int) -> int:
    while True:
        candidate = random.getrandbits(bits) | 1 | (3 << (bits - 2))
        if all(candidate % small for small in (3, 5, 7, 11, 13)) and all(
            pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5, 7)
        ):
            return candidate


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(key: Key, header=None, **claims) -> str:
    """A good token, changed by what is given; a claim of None is left out."""
    head = {"alg": "RS256", "typ": "JWT", "kid": key.name} | (header or {})
    permissions = {"permissions": ["ns:fn"]}
    body = {"iss": ISSUER, "aud": [ISSUER], "exp": time.time() + 60, "function": permissions} | claims
    body = {name: value for name, value in body.items() if value is not None}
    signed = f"{text(json.dumps(head).encode())}.{text(json.dumps(body).encode())}"
    if head["alg"] == "none":
        return signed + "."
    if head["alg"] == "HS256":
        return f"{signed}.{text(hmac.digest(json.dumps(key.public).encode(), signed.encode(), 'sha256'))}"
    return f"{signed}.{text(key.sign(signed.encode()))}"


@pytest.fixture(scope="module")
def key():
    return Key("first")


@pytest.fixture
def authority(key):
    """A server that describes the issuer; `keys` can be changed while it runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        server: Any

        def do_GET(self):
            keys = {"keys": [each.public for each in self.server.keys]}
            where = {"issuer": ISSUER, "jwks_uri": f"http://127.0.0.1:{self.server.server_port}/keys?a=b"}
            self.server.asked.append((self.path, self.headers["User-Agent"]))
            content = json.dumps(where if self.path.startswith("/.well-known/") else keys).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with server:
        server.keys, server.asked = [key], []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def guarded(start, authority):
    def guarded(command="env", **env):
        identity = {"OPENFAAS_NAME": "fn", "OPENFAAS_NAMESPACE": "ns"}
        url = f"http://127.0.0.1:{authority.server_port}"
        return start(command, jwt_auth="true", jwt_auth_authority=url, **identity | env)

    return guarded


def call(watchdog, value, method="GET"):
    return watchdog.call(method, "/", Authorization=value) if value is not None else watchdog.call(method, "/")


@pytest.mark.parametrize("prefix", ["Bearer ", ""])
@pytest.mark.parametrize("mode", ["", "streaming"])
def test_good_token(guarded, key, prefix, mode):
    answer = call(guarded(mode=mode), prefix + token(key))

    assert answer.status == 200
    assert float(answer.variables["Http_X_Auth_Seconds"]) < 1
    assert answer.variables["Http_Authorization"].startswith(prefix)


def test_authority_is_asked_once(guarded, authority, key):
    watchdog = guarded()
    call(watchdog, token(key))

    agent = "openfaas-watchdog"
    assert authority.asked == [("/.well-known/openid-configuration", agent), ("/keys?a=b", agent)]


@pytest.mark.parametrize(
    "make_token",
    [
        lambda key: None,
        lambda key: "garbage",
        lambda key: "bearer " + token(key),
        lambda key: token(key, {"kid": "other"}),
        lambda key: token(key, exp=time.time() - 5),
        lambda key: token(key, nbf=time.time() + 60),
        lambda key: token(key, aud=["http://other.example"]),
        lambda key: token(key, iss="http://other.example"),
        lambda key: token(key, {"alg": "none"}),
        lambda key: token(key, {"alg": "HS256"}),
        lambda key: token(key, {"alg": "RS384"}),
        lambda key: token(Key("first")),
        lambda key: token(key)[:-8] + "AAAAAAAA",
    ],
)
def test_bad_token(guarded, key, make_token):
    answer = call(guarded(), make_token(key))

    assert answer.status == 401
    assert answer.headers["Www-Authenticate"] == "Bearer realm=IAM function invoke"
    assert answer.headers["X-Openfaas-Internal"] == "faas-middleware"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_token_without_an_end(guarded, key):
    assert call(guarded(), token(key, exp=None)).status == 200


def test_audience_can_be_one_string(guarded, key):
    assert call(guarded(), token(key, aud=ISSUER)).status == 200


@pytest.mark.parametrize(
    ("function", "status"),
    [
        ({"permissions": ["*"]}, 200),
        ({"permissions": ["ns:*"]}, 200),
        ({"permissions": ["ns:f*"]}, 200),
        ({"permissions": ["ns:fn"], "audience": ["ns:*"]}, 200),
        ({"permissions": ["ns:fn"], "audience": ["ns:zz"]}, 403),
        ({"permissions": ["other:fn"]}, 403),
        ({"permissions": ["s:f"]}, 403),
        ({"permissions": ["fn"]}, 403),
        ({"permissions": []}, 403),
        (None, 403),
    ],
)
def test_permissions_are_compared_as_a_whole(guarded, key, function, status):
    answer = call(guarded(), token(key, function=function))

    assert answer.status == status
    if status == 403:
        assert answer.text == "insufficient permissions\n"


def test_health_is_open(guarded):
    watchdog = guarded()

    assert (watchdog.get("/_/health").status, watchdog.get("/_/ready").status) == (200, 200)


def test_method_is_looked_at_after_the_token(guarded, key):
    watchdog = guarded()

    assert call(watchdog, None, "OPTIONS").status == 401
    assert call(watchdog, token(key), "OPTIONS").status == 405


def test_local_authority_is_used(launch, authority):
    watchdog = launch("cat", jwt_auth="true", jwt_auth_local="true", OPENFAAS_NAME="fn", OPENFAAS_NAMESPACE="ns")

    # Whatever may listen there, it is no token authority.
    assert watchdog.exit_code() == 1
    assert "127.0.0.1:8000" in watchdog.log


@pytest.mark.parametrize(("mode", "status"), [("", 401), ("streaming", 429)])
def test_order_of_token_and_limit(guarded, key, mode, status):
    """Without a mode nobody takes a slot without a token; with one, the slots are counted first."""
    watchdog = guarded("sleep 60", mode=mode, max_inflight="1")
    with watchdog.connect() as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: {token(key)}\r\n\r\n".encode())
        eventually("the call runs", lambda: watchdog.get("/_/ready").status == 429)
        assert call(watchdog, None).status == status
        assert call(watchdog, token(key)).status == 429


def test_function_is_asked_for_readiness_without_a_token(guarded):
    answer = guarded(mode="streaming", ready_path="/ready").get("/_/ready")

    assert (answer.status, answer.variables["Http_Path"]) == (200, "/ready")


@pytest.mark.parametrize("debug", ["true", "false"])
def test_refused_token_is_explained_when_wanted(guarded, key, debug):
    watchdog = guarded(jwt_auth_debug=debug)

    assert call(watchdog, token(key, exp=time.time() - 5)).status == 401

    assert ("expired" in watchdog.log) == (debug == "true")


def test_every_request_of_a_connection_needs_its_token(guarded, key):
    good = f"Authorization: Bearer {token(key)}\r\n"
    settings = settings_of_function()
    watchdog = guarded(settings.pop("fprocess"), **settings)
    with watchdog.converse() as talk:
        for header, status in (("", 401), (good, 200), ("", 401), ("Authorization: x\r\n", 401), (good, 200)):
            answer = talk.ask(f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n{header}\r\nok")
            assert answer.status == status
        headers = dict(seen(answer)["headers"])
    assert float(headers["X-Auth-Seconds"]) < 1
    assert headers["Authorization"].startswith("Bearer ")
