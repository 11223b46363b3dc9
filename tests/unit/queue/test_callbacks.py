"""Which callback addresses are allowed."""

import asyncio
import threading
from collections import Counter

import pytest

from faas_runtime.core.public_address import MAX_LOOKUPS, Resolver
from faas_runtime.gateway.queue.callbacks import (
    CallbackLimits,
    CallbackRefused,
    Callbacks,
    ResolverBusy,
    check_url,
)
from faas_runtime.gateway.queue.model import CallResult, Claim, NewCall
from faas_runtime.providers.base import FunctionKey


@pytest.mark.parametrize(
    "url",
    ["", "word", "/relative", "ftp://example.net/", "http://", "http://user:pw@example.net/", "http://h:99999/"],
)
def test_what_is_not_a_plain_web_address_is_refused(url):
    """Only absolute http and https URLs without credentials are callbacks."""
    with pytest.raises(CallbackRefused):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "169.254.169.254",
        "10.1.2.3",
        "192.168.0.1",
        "0.0.0.0",
        "::ffff:127.0.0.1",
        "fe80::1",
        "fe80::1%lo",
        "192.0.0.8",
        "192.0.0.170",
        "192.88.99.1",
        "224.0.0.1",
        "255.255.255.255",
        "100.64.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::",
        "2002:c0a8:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2a00:1450:4001::5efe:10.0.0.1",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "::",
    ],
)
def test_addresses_inside_are_refused(host):
    """Loopback, link-local, private and mapped addresses are out of reach, however they are written."""
    with pytest.raises(CallbackRefused, match="not a public address"):
        asyncio.run(Callbacks().resolve(host, 80))


def test_a_public_address_is_called_as_it_is():
    """The connection is made to the address that was checked."""
    assert asyncio.run(Callbacks().resolve("93.184.216.34", 80)) == "93.184.216.34"


def test_an_operator_may_allow_a_host():
    """`--callback-host` opens one name, not all."""
    assert asyncio.run(Callbacks(frozenset({"127.0.0.1"})).resolve("127.0.0.1", 80)) == "127.0.0.1"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]:9/", "http://192.0.2.1.invalid@127.0.0.1/", "ftp://x/"]
)
def test_an_address_that_no_delivery_reaches_is_refused_at_once(url):
    """The caller still listens; the log of the gateway it never sees."""
    with pytest.raises(CallbackRefused):
        asyncio.run(Callbacks().check(url))


@pytest.mark.parametrize("host", ["93.184.216.34", "2a00:1450:4001:81b::200e", "64:ff9b::93.184.216.34"])
def test_public_addresses_are_allowed(host):
    """Also through NAT64, where a network has nothing else."""
    assert asyncio.run(Callbacks().resolve(host, 80))


def test_every_address_of_a_name_is_checked():
    """One that leads inside is enough to refuse the name."""
    resolver = Resolver(lambda host, port: ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(CallbackRefused, match=r"10\.0\.0\.1"):
        asyncio.run(Callbacks(resolver=resolver).resolve("both.example", 80))


class Deliveries(Callbacks):
    """Callbacks to hosts that accept and never answer, unless their address ends in 1."""

    def __init__(self, **limits):
        super().__init__(
            limits=CallbackLimits(**limits), timeout=30.0, resolver=Resolver(lambda host, port: [host.strip("abc.")])
        )
        self.under_way, self.most, self.done = Counter(), Counter(), []

    async def _post(self, claim, result, attempt, checked):
        for key in (checked, "all"):
            self.under_way[key] += 1
            self.most[key] = max(self.most[key], self.under_way[key])
        try:
            await asyncio.sleep(0 if checked.endswith(".1") else 60)
            self.done.append(claim.call.call_id)
            return 200
        finally:
            for key in (checked, "all"):
                self.under_way[key] -= 1


def delivery(callbacks, host, size=0):
    call = NewCall(host, FunctionKey("f", "n"), "/", "", (), b"", f"http://{host}/")
    return callbacks.deliver(Claim(1, 1, 1, 0.0, call), CallResult(200, body=bytes(size)))


def test_hosts_that_never_answer_hold_no_place_of_others(monkeypatch):
    """Not under sixty names either: a host is its address."""
    monkeypatch.setattr("faas_runtime.gateway.queue.callbacks._FIRST_PAUSE", 0.0)

    async def scenario():
        callbacks = Deliveries(concurrent=10, per_host=4)
        silent = [asyncio.create_task(delivery(callbacks, f"{'abc'[n % 3]}.8.8.8.8")) for n in range(60)]
        while callbacks.under_way["8.8.8.8"] < 4:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(delivery(callbacks, "8.8.4.1"), 10)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        callbacks.close()
        return callbacks

    callbacks = asyncio.run(scenario())
    assert callbacks.done == ["8.8.4.1"]
    assert callbacks.most["8.8.8.8"] == 4
    assert callbacks.most["all"] <= 10


@pytest.mark.parametrize(
    ("limits", "size", "reason"),
    [
        ({"concurrent": 2, "waiting": 3}, 0, "5 others wait"),
        ({"per_host": 2, "waiting_per_host": 3}, 0, "5 others wait for this host"),
        ({"waiting_bytes": 5 << 20}, 1 << 20, "5 MiB of results wait"),
    ],
)
def test_what_waits_is_limited(monkeypatch, caplog, limits, size, reason):
    """By number, for each host, and by size; what is dropped is logged."""
    monkeypatch.setattr("faas_runtime.gateway.queue.callbacks._FIRST_PAUSE", 0.0)

    async def scenario():
        callbacks = Deliveries(**limits)
        waiting = [asyncio.create_task(delivery(callbacks, "8.8.8.8", size)) for _ in range(5)]
        while callbacks.under_way["8.8.8.8"] < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)  # until the others wait for their turn
        await asyncio.wait_for(delivery(callbacks, "8.8.8.8", size), 10)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        callbacks.close()

    asyncio.run(scenario())
    assert reason in caplog.text


def test_name_servers_that_never_answer_hold_no_thread_of_others():
    """Lookups have threads of their own, a name is looked up once for all who wait, and the number is limited."""
    asked, release = Counter(), threading.Event()

    def lookup(host, port):
        asked[host] += 1
        release.wait(10)
        return ["8.8.8.8"]

    async def scenario():
        callbacks = Callbacks(resolver=Resolver(lookup))
        try:
            waiting = [asyncio.create_task(callbacks.resolve(f"h{n // 2}", 80)) for n in range(2 * MAX_LOOKUPS)]
            await asyncio.sleep(0.01)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 1) == "free"
            with pytest.raises(ResolverBusy):
                await callbacks.resolve("one-more", 80)
        finally:
            release.set()
        assert await asyncio.gather(*waiting) == ["8.8.8.8"] * 2 * MAX_LOOKUPS
        callbacks.close()

    asyncio.run(scenario())
    assert set(asked.values()) == {1}
