"""Proxies that know of each other's calls: they choose as one would, and do not all run after the same news."""

import asyncio
from collections import Counter

import pytest

from faas_runtime.gateway.proxy.pool import Backend, Connector
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.workers.loads import PARTS, LoadAggregator, LoadReporter
from faas_runtime.providers.base import Endpoint

REPLICAS = [Endpoint("r0", "127.0.0.1", 1000), Endpoint("r1", "127.0.0.1", 1001)]


class Proxy:
    """Calls of one proxy among several at a function with two replicas."""

    def __init__(self, board, proxies, connector):
        self.backend = Backend("f", 60.0, connector.loop.time)
        self.backend.update(REPLICAS, connector)
        self.loads = LoadReporter(proxies)
        self.board = board
        board.join(self, self.loads.take_over)

    def begin(self, count, at=None):
        """Begin so many calls, each at the replica that is chosen; returns how many went where."""
        found = Counter()
        for _ in range(count):
            pool = self.backend.choose() if at is None else self.backend.pools[at]
            pool.in_flight += 1
            found[pool.endpoint.instance] += 1
        return found

    def end(self, found):
        for pool in self.backend.pools:
            pool.in_flight -= found[pool.endpoint.instance]

    def look(self):
        return self.loads.look(self.backend.pools)

    def tell(self):
        self.board.heard(self, self.look())


@pytest.fixture
def new_proxies():
    """Makes a board with so many proxies."""
    loop = asyncio.new_event_loop()
    connector = Connector(loop, ProxySettings())

    def made(count):
        board = LoadAggregator()
        return board, [Proxy(board, count, connector) for _ in range(count)]

    yield made
    loop.close()


def settle(proxies, looks=60):
    for _ in range(looks):
        for proxy in proxies:
            proxy.tell()


def test_calls_that_last_count_everywhere(new_proxies):
    _, (first, second, third) = new_proxies(3)
    first.begin(6, at=0)
    second.begin(1, at=1)
    settle([first, second, third])

    assert third.begin(5) == {"r1": 5}
    assert [pool.in_flight for pool in third.backend.pools] == [6, 6]
    assert [pool.remote_in_flight for pool in first.backend.pools] == [0, 1]


def test_calls_that_are_over_are_forgotten_everywhere(new_proxies):
    _, proxies = new_proxies(2)
    first, second = proxies
    held = first.begin(6, at=0)
    settle(proxies)
    first.end(held)
    settle(proxies)

    assert [pool.in_flight for pool in second.backend.pools] == [0, 0]
    assert first.look() == second.look() == {}


def test_a_proxy_that_comes_is_told_and_one_that_goes_takes_its_calls_along(new_proxies):
    board, proxies = new_proxies(2)
    first, second = proxies
    first.begin(4, at=0)
    settle(proxies)
    new = {}
    board.join("new", new.update)
    assert new == {"r0": 4 * PARTS}

    board.leave(first)
    assert new == {"r0": 0}
    second.look()
    assert [pool.in_flight for pool in second.backend.pools] == [0, 0]
    board.leave(first)


def test_what_does_not_change_is_not_told(new_proxies):
    _, proxies = new_proxies(2)
    proxies[0].begin(3)
    settle(proxies)

    assert [proxy.look() for proxy in proxies] == [{}, {}]


@pytest.mark.parametrize("count", [2, 3, 8])
def test_proxies_do_not_swing_together(new_proxies, count):
    """All calls but those held are short: each proxy gives out all of them anew between two looks."""
    _, proxies = new_proxies(count)
    # More than that proxy can make up for by itself.
    proxies[0].begin(24, at=0)
    busy = []
    for _ in range(200):
        given = [proxy.begin(16) for proxy in proxies]
        busy.append(24 + sum(found["r0"] for found in given) - sum(found["r1"] for found in given))
        news = [(proxy, proxy.look()) for proxy in proxies]
        for proxy, found in zip(proxies, given, strict=True):
            proxy.end(found)
        for proxy, changed in news:
            proxy.board.heard(proxy, changed)

    # A call or two of each proxy are the noise; all of them turning at once would be 32 of each.
    assert max(abs(difference) for difference in busy[-100:]) <= 2 * count, busy[-100:]
