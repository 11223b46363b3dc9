"""Proxies that share their loads choose replicas as one proxy would, without oscillating together."""

import asyncio
from collections import Counter

import pytest

from faas_runtime.gateway.proxy.pool import Backend, Connector
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.workers.loads import LOAD_SCALE, LoadAggregator, LoadReporter
from faas_runtime.providers.base import Endpoint

REPLICAS = [Endpoint("r0", "127.0.0.1", 1000), Endpoint("r1", "127.0.0.1", 1001)]


class Proxy:
    """One of several proxies, which calls a function with two replicas."""

    def __init__(self, aggregator, proxies, connector):
        self.backend = Backend("f", 60.0, connector.loop.time)
        self.backend.update(REPLICAS, connector)
        self.loads = LoadReporter(proxies)
        self.aggregator = aggregator
        aggregator.join(self, self.loads.apply)

    def begin(self, count, at=None):
        """Begin so many calls, each at the replica chosen; returns the number at each replica."""
        found = Counter()
        for _ in range(count):
            pool = self.backend.choose() if at is None else self.backend.pools[at]
            pool.in_flight += 1
            found[pool.endpoint.instance] += 1
        return found

    def end(self, found):
        for pool in self.backend.pools:
            pool.in_flight -= found[pool.endpoint.instance]

    def sample(self):
        return self.loads.sample(self.backend.pools)

    def report(self):
        self.aggregator.update(self, self.sample())


@pytest.fixture
def new_proxies():
    """Makes an aggregator with so many proxies."""
    loop = asyncio.new_event_loop()
    connector = Connector(loop, ProxySettings())

    def made(count):
        aggregator = LoadAggregator()
        return aggregator, [Proxy(aggregator, count, connector) for _ in range(count)]

    yield made
    loop.close()


def settle(proxies, reports=60):
    for _ in range(reports):
        for proxy in proxies:
            proxy.report()


def test_long_calls_count_at_every_proxy(new_proxies):
    _, (first, second, third) = new_proxies(3)
    first.begin(6, at=0)
    second.begin(1, at=1)
    settle([first, second, third])

    assert third.begin(5) == {"r1": 5}
    assert [pool.in_flight for pool in third.backend.pools] == [6, 6]
    assert [pool.remote_in_flight for pool in first.backend.pools] == [0, 1]


def test_ended_calls_count_nowhere(new_proxies):
    _, proxies = new_proxies(2)
    first, second = proxies
    held = first.begin(6, at=0)
    settle(proxies)
    first.end(held)
    settle(proxies)

    assert [pool.in_flight for pool in second.backend.pools] == [0, 0]
    assert first.sample() == second.sample() == {}


def test_new_proxy_gets_the_loads_and_leaving_one_takes_its_calls_along(new_proxies):
    aggregator, proxies = new_proxies(2)
    first, second = proxies
    first.begin(4, at=0)
    settle(proxies)
    new = {}
    aggregator.join("new", new.update)
    assert new == {"r0": 4 * LOAD_SCALE}

    aggregator.leave(first)
    assert new == {"r0": 0}
    second.sample()
    assert [pool.in_flight for pool in second.backend.pools] == [0, 0]
    aggregator.leave(first)


def test_unchanged_loads_are_not_reported(new_proxies):
    _, proxies = new_proxies(2)
    proxies[0].begin(3)
    settle(proxies)

    assert [proxy.sample() for proxy in proxies] == [{}, {}]


@pytest.mark.parametrize("count", [2, 3, 8])
def test_proxies_do_not_oscillate_together(new_proxies, count):
    """All calls but those held are short: each proxy distributes all of them anew between two reports."""
    _, proxies = new_proxies(count)
    # More than that proxy can balance by itself.
    proxies[0].begin(24, at=0)
    busy = []
    for _ in range(200):
        given = [proxy.begin(16) for proxy in proxies]
        busy.append(24 + sum(found["r0"] for found in given) - sum(found["r1"] for found in given))
        reports = [(proxy, proxy.sample()) for proxy in proxies]
        for proxy, found in zip(proxies, given, strict=True):
            proxy.end(found)
        for proxy, changed in reports:
            proxy.aggregator.update(proxy, changed)

    # A call or two of each proxy are noise; all proxies turning at once would be 32 of each.
    assert max(abs(difference) for difference in busy[-100:]) <= 2 * count, busy[-100:]
