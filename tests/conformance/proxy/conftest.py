"""A proxy in this process, between a raw client and a scripted replica."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from faas_runtime.gateway.proxy import cycle
from tests.conformance.proxy.proxy_driver import RunningProxy
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE


def pytest_report_header() -> str:
    """The proxy under test: its sources, or the compiled modules."""
    return f"proxy: {cycle.__file__}"


@pytest.fixture
def new_replica() -> Iterator[Callable[[], Replica]]:
    """Starts replicas; an error in a replica's script fails the test."""
    replicas: list[Replica] = []

    def start() -> Replica:
        replicas.append(Replica())
        return replicas[-1]

    yield start
    for replica in replicas:
        replica.stop()
    for replica in replicas:
        replica.check()


@pytest.fixture
def replica(new_replica: Callable[[], Replica]) -> Replica:
    """The replica of `echo`."""
    return new_replica()


@pytest.fixture
def control(new_replica: Callable[[], Replica]) -> Replica:
    """A stand-in for the control API."""
    return new_replica()


@pytest.fixture
def open_proxy(replica: Replica, control: Replica) -> Iterator[Callable[..., RunningProxy]]:
    """Starts proxies with other settings."""
    proxies: list[RunningProxy] = []

    def start(**settings: Any) -> RunningProxy:
        proxies.append(RunningProxy(replica, control, **settings))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def proxy(open_proxy: Callable[..., RunningProxy]) -> RunningProxy:
    """A proxy with the default settings."""
    return open_proxy()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds, for at most `PATIENCE` seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.005)

    return wait
