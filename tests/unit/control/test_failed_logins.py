"""Failed logins by client and by account, and requests for names that a web page may have."""

from __future__ import annotations

import asyncio
import base64
import secrets
from urllib.parse import urlencode

import pytest
from starlette.responses import PlainTextResponse

from faas_runtime.core.addresses import trusted_by
from faas_runtime.gateway.auth.accounts import Account, Accounts, digest
from faas_runtime.gateway.auth.control_auth import BasicAuth
from faas_runtime.gateway.auth.failures import (
    MAX_ACCOUNT_FAILURES,
    MAX_CHECKS,
    MAX_FAILURES,
    FailureCounter,
    client_host,
)
from faas_runtime.gateway.auth.function_auth import BASIC, BLOCKED, CallGuard
from faas_runtime.gateway.auth.hosts import KnownHostsOnly

PROXIES = trusted_by(["127.0.0.0/8", "::1/128", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("", ""),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("198.51.100.9, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7, 10.0.0.3, 127.0.0.1:80", "203.0.113.7"),
        ("127.0.0.1:4711", "127.0.0.1"),
        ("10.0.0.9, 127.0.0.1", "10.0.0.9"),
        ("unix", "unix"),
    ],
)
def test_the_client_is_the_first_that_no_trusted_proxy_vouches_for(header, host):
    """What it wrote itself, before the addresses that proxies appended, counts nothing."""
    assert client_host(header, PROXIES) == host


async def ask(app, headers, path="/system/functions", method="GET", body=b""):
    sent = []
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw}

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"]


def basic(user, password):
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def login(auth, address, password, user="admin"):
    return asyncio.run(ask(auth, {"Authorization": basic(user, password), "X-Forwarded-For": address}))


def log_in(auth, user, password):
    form = urlencode({"user": user, "password": password}).encode()
    return asyncio.run(ask(auth, {"X-Forwarded-For": "127.0.0.1"}, "/ui/login", "POST", form))


@pytest.fixture
def auth():
    accounts = (Account("admin", "right"), Account("ops", "right"))
    return BasicAuth(PlainTextResponse("in"), accounts, clock=lambda: 1.0, trusts=PROXIES)


def test_one_client_behind_a_proxy_does_not_lock_out_the_others(auth):
    """They share the proxy's address, not their own."""
    for _ in range(MAX_FAILURES):
        assert login(auth, "198.51.100.1, 127.0.0.1", "guess") == 401
    assert login(auth, "198.51.100.1, 127.0.0.1", "right") == 429
    assert login(auth, "198.51.100.2, 127.0.0.1", "right") == 200


def test_nobody_guesses_an_account_for_ever(auth):
    """Whoever is trusted may claim any address. Those who have used the account, and other accounts, are let in."""
    assert login(auth, "203.0.113.50", "right") == 200
    found = [login(auth, f"192.0.2.{number // 10}", "guess") for number in range(MAX_ACCOUNT_FAILURES + 1)]
    assert found == [401] * MAX_ACCOUNT_FAILURES + [429]
    assert login(auth, "192.0.2.99", "right") == 429
    assert login(auth, "203.0.113.50", "right") == 200
    assert login(auth, "192.0.2.99", "right", "ops") == 200


@pytest.mark.parametrize("login_page", [False, True], ids=["header", "login page"])
def test_guesses_do_not_lock_out_a_generated_password(login_page):
    """From the guesser's own address, at the first login: only a password that can be guessed has to wait."""
    generated, weak = secrets.token_urlsafe(24), "correct-horse"
    auth = BasicAuth(
        PlainTextResponse("in"), (Account("admin", generated), Account("ops", weak)), clock=lambda: 1.0, trusts=PROXIES
    )

    def enter(user, password):
        return log_in(auth, user, password) if login_page else login(auth, "127.0.0.1", password, user)

    for number in range(MAX_FAILURES + MAX_ACCOUNT_FAILURES):
        login(auth, f"192.0.2.{number // 10}", "guess")
        login(auth, "127.0.0.1", "guess")
    assert enter("admin", generated) == (303 if login_page else 200)
    assert enter("ops", weak) == 429
    assert enter("admin", generated[:-1]) == 429
    assert enter("admin", secrets.token_urlsafe(24)) == 429


def test_guesses_do_not_lock_out_a_long_password_of_the_users_file():
    """Once it was right; a short one has to wait, or the guesser would find it in spite of the block."""
    long = secrets.token_urlsafe(24)

    class Users:
        def has(self, user):
            return user in ("ada", "bob")

        def remembers(self, pair):
            return pair in (digest(f"ada:{long}".encode()), digest(b"bob:short"))

    guard = CallGuard(Accounts([Account("admin", "x")], Users()), clock=lambda: 1.0)
    for _ in range(MAX_FAILURES):
        guard.failures.count("h")
    assert guard.admit(BASIC, basic("ada", long), "", "h") is None
    assert guard.admit(BASIC, basic("ada", long), "cross-site", "h") is BLOCKED
    assert guard.admit(BASIC, basic("bob", "short"), "", "h") is BLOCKED


@pytest.mark.parametrize(
    ("token", "refusal"),
    [("2ad465e373dca655e3196b3108d06787", None), ("a" * 40, BLOCKED), ("short", BLOCKED)],
)
def test_guesses_do_not_lock_out_a_generated_token(token, refusal):
    guard = CallGuard(Accounts([]), clock=lambda: 1.0)
    rule = f"sha256:{digest(token.encode()).hex()}"
    assert guard.admit(rule, f"Bearer {token}", "", "h") is None
    for _ in range(MAX_FAILURES):
        assert guard.admit(rule, "Bearer wrong", "", "h").status == 401
    assert guard.admit(rule, f"Bearer {token}", "", "h") is refusal
    assert guard.admit(rule, f"Basic {token}", "", "h") is BLOCKED


def test_a_flood_of_guesses_does_not_queue_for_ever():
    """More passwords than can be hashed soon are refused without a look."""

    async def scenario():
        counter, release = FailureCounter(lambda: 1.0), asyncio.Event()

        async def slow():
            await release.wait()
            return False

        checks = [asyncio.create_task(counter.check(f"a{number}", slow, "ada")) for number in range(MAX_CHECKS)]
        await asyncio.sleep(0)
        busy = counter.is_busy("other"), counter.is_busy("a0")
        release.set()
        await asyncio.gather(*checks)
        return *busy, counter.is_busy("other")

    assert asyncio.run(scenario()) == (True, False, False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "faas.localhost"}, 200),
        ({"Host": "gateway:8080"}, 200),
        ({"Host": "FaaS.example.com."}, 200),
        ({}, 200),
        ({"Host": "evil.example:8080"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1:8080", "Origin": "http://evil.example"}, 403),
        ({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}, 200),
        ({"Host": "127.0.0.1:8080", "Origin": "null"}, 200),
        ({"Host": "[::1"}, 403),
    ],
)
def test_names_that_a_web_page_may_have_are_refused(headers, status):
    """A page's own name can be made to lead here; then the browser lets it read everything."""
    app = KnownHostsOnly(PlainTextResponse("in"), ["faas.example.com"])
    assert asyncio.run(ask(app, headers)) == status
