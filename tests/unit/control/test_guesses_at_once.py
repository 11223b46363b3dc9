"""Passwords guessed in a burst: hashing takes a while, and the burst must not be over before the first has failed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable

from faas_runtime.gateway.auth.accounts import Accounts
from faas_runtime.gateway.auth.control_auth import BasicAuth
from faas_runtime.gateway.auth.failures import MAX_FAILURES
from faas_runtime.gateway.auth.function_auth import BASIC, CallGuard, Refusal, unauthorized

MANY = 3 * MAX_FAILURES


class Users:
    """A file of users whose hashing is slow, and is counted."""

    def __init__(self) -> None:
        self.hashed = 0
        self._right = False

    def has(self, user: str) -> bool:
        return user == "ada"

    def remembers(self, pair: bytes) -> bool:
        return self._right

    async def accepts(self, user: str, password: str) -> bool:
        if self._right and password == "right":
            return True
        self.hashed += 1
        await asyncio.sleep(0.001)
        if password == "right":
            self._right = True
            return True
        return False


def credentials(passwords: Iterable[str]) -> list[str]:
    return ["Basic " + base64.b64encode(f"ada:{password}".encode()).decode() for password in passwords]


def refusals(users: Users, passwords: Iterable[str]) -> list[Refusal | None]:
    async def all_at_once() -> list[Refusal | None]:
        accounts = Accounts([], users)
        accounts._accepted.append(b"of somebody else")
        guard = CallGuard(accounts, lambda: 1.0)
        calls = [guard.check(BASIC, given, "", "10.0.0.1") for given in credentials(passwords)]
        return await asyncio.gather(*calls)

    return asyncio.run(all_at_once())


def test_burst_of_guesses_at_a_function_ends_at_the_limit():
    users = Users()

    found = refusals(users, [f"guess-{number}" for number in range(MANY)])

    assert found == [unauthorized(BASIC)] * MANY
    assert users.hashed == MAX_FAILURES


def test_burst_of_right_calls_is_let_in():
    assert refusals(Users(), ["right"] * MANY) == [None] * MANY


def statuses(users: Users, passwords: Iterable[str]) -> list[int]:
    async def inside(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def all_at_once() -> list[int]:
        auth = BasicAuth(inside, (), users, lambda: 1.0)
        found: list[int] = []

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                found.append(message["status"])

        def scope(given: str) -> dict[str, object]:
            headers = [(b"authorization", given.encode()), (b"x-forwarded-for", b"10.0.0.1:5")]
            return {"type": "http", "path": "/system/functions", "method": "GET", "headers": headers}

        await asyncio.gather(*(auth(scope(given), None, send) for given in credentials(passwords)))
        return found

    return asyncio.run(all_at_once())


def test_burst_of_guesses_at_the_control_api_ends_at_the_limit():
    users = Users()

    assert statuses(users, [f"guess-{number}" for number in range(MANY)]) == [401] * MANY
    assert users.hashed == MAX_FAILURES


def test_burst_of_right_requests_is_let_in():
    assert statuses(Users(), ["right"] * MANY) == [200] * MANY
