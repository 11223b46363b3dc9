"""A front door in this process, between a raw client and a scripted replica."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from proxy_driver import Door
from replica import Replica
from wire import PATIENCE

from faas_runtime.gateway.proxy import cycle


def pytest_report_header() -> str:
    """Which door it is: its sources, or what is compiled of them."""
    return f"front door: {cycle.__file__}"


@pytest.fixture
def new_replica() -> Iterator[Callable[[], Replica]]:
    """Starts replicas; what goes wrong in their scripts fails the test."""
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
    """What stands in for the control room."""
    return new_replica()


@pytest.fixture
def open_door(replica: Replica, control: Replica) -> Iterator[Callable[..., Door]]:
    """Starts doors with settings of their own."""
    doors: list[Door] = []

    def start(**settings: Any) -> Door:
        doors.append(Door(replica, control, **settings))
        return doors[-1]

    yield start
    for door in doors:
        door.close()


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    """A door with the default settings."""
    return open_door()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds, for as long as patience lasts."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.005)

    return wait
