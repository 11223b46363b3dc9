"""The small parts of the proxy: deadlines, ids, text responses, counters, flow control."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import UUID

import pytest

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.call import Ids
from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
from faas_runtime.gateway.proxy.interfaces import NO_REPLICA_YET, PEER_FULL, FlowControl
from faas_runtime.gateway.proxy.response_writer import text_response
from faas_runtime.gateway.traffic.canary import canary_of
from faas_runtime.providers.base import FunctionKey

ECHO = FunctionKey("echo", "openfaas-fn")


class Timer:
    """The part of an event loop that a queue uses: the time, and one delayed call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.planned: list[tuple[float, object]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: object) -> asyncio.TimerHandle:
        self.planned.append((self.now + delay, call))
        return cast(asyncio.TimerHandle, self)

    def cancel(self) -> None:
        self.planned.clear()

    def advance(self, seconds: float) -> None:
        """Advance the time, and make the calls that are due."""
        self.now += seconds
        due = [plan for plan in self.planned if plan[0] <= self.now]
        self.planned = [plan for plan in self.planned if plan[0] > self.now]
        for _, call in due:
            assert callable(call)
            call()


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def expired() -> list[str]:
    return []


@pytest.fixture
def deadlines(timer: Timer, expired: list[str]) -> DeadlineQueue[str]:
    return DeadlineQueue(cast(asyncio.AbstractEventLoop, timer), 10.0, expired.append)


def test_items_expire_separately(timer: Timer, expired: list[str], deadlines: DeadlineQueue[str]):
    deadlines.arm("a")
    timer.advance(4)
    deadlines.arm("b")
    timer.advance(6)
    assert expired == ["a"]
    timer.advance(4)
    assert expired == ["a", "b"]


def test_one_timer_serves_all(timer: Timer, deadlines: DeadlineQueue[str]):
    for item in "abc":
        deadlines.arm(item)

    assert len(timer.planned) == 1


def test_arming_again_restarts_the_timeout(timer: Timer, expired: list[str], deadlines: DeadlineQueue[str]):
    deadlines.arm("a")
    timer.advance(8)
    deadlines.arm("a")
    timer.advance(8)
    assert expired == []
    timer.advance(2)
    assert expired == ["a"]


def test_disarmed_items_never_expire(timer: Timer, expired: list[str], deadlines: DeadlineQueue[str]):
    deadlines.arm("a")
    deadlines.disarm("a")
    deadlines.disarm("never armed")
    timer.advance(20)

    assert (expired, timer.planned, "a" in deadlines) == ([], [], False)


def test_closed_queue_expires_nothing(timer: Timer, expired: list[str], deadlines: DeadlineQueue[str]):
    deadlines.arm("a")
    deadlines.close()
    timer.advance(20)

    assert (expired, timer.planned) == ([], [])


def test_call_ids_are_uuids_of_version_4():
    ids = Ids()
    made = [UUID(ids.call_id().decode()) for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {(one.version, one.variant) for one in made} == {(4, made[0].variant)}


def test_traces_differ():
    ids = Ids()

    assert len({ids.traceparent() for _ in range(1000)}) == 1000


def test_text_response_is_complete():
    assert text_response(404, "no such thing", lines=(b"A: b",), close=True) == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        b"Content-Length: 14\r\nA: b\r\nConnection: close\r\n\r\nno such thing\n"
    )


def test_text_response_to_head_has_only_the_length():
    assert text_response(400, "bad", head_only=True).endswith(b"Content-Length: 4\r\n\r\n")


class Valve:
    """The part of a transport that a flow uses."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.log.append("pause")

    def resume_reading(self) -> None:
        self.log.append("resume")


def test_reading_resumes_without_any_reason_to_pause():
    valve = Valve()
    flow = FlowControl(cast(asyncio.Transport, valve))

    flow.pause(PEER_FULL)
    flow.pause(NO_REPLICA_YET)
    flow.resume(PEER_FULL)
    assert flow.paused
    flow.resume(NO_REPLICA_YET)
    flow.resume(NO_REPLICA_YET)

    assert (flow.paused, valve.log) == (False, ["pause", "resume"])


def test_calls_are_counted_and_timed():
    metrics = InvocationMetrics()
    meter = metrics.meter(ECHO)
    for code, seconds in ((200, 0.003), (200, 0.3), (500, 20.0)):
        meter.begin()
        meter.end(code, seconds)
    meter.begin()

    assert (metrics.started(ECHO), metrics.in_flight(ECHO), metrics.invocation_count(ECHO)) == (4, 1, 3)
    text = metrics.render([(ECHO, 2)])
    label = 'function_name="echo.openfaas-fn"'
    for line in (
        f'gateway_function_invocation_total{{code="200",{label}}} 2',
        f"gateway_function_invocation_started{{{label}}} 4",
        f'gateway_functions_seconds_bucket{{code="200",{label},le="0.005"}} 1',
        f'gateway_functions_seconds_bucket{{code="200",{label},le="+Inf"}} 2',
        f'gateway_functions_seconds_bucket{{code="500",{label},le="10"}} 0',
        f'gateway_functions_seconds_count{{code="500",{label}}} 1',
        f"gateway_service_count{{{label}}} 2",
    ):
        assert f"{line}\n" in text


def test_function_that_was_never_called_counts_nothing():
    metrics = InvocationMetrics()

    assert (metrics.started(ECHO), metrics.in_flight(ECHO), metrics.invocation_count(ECHO)) == (0, 0, 0)


def test_canary_calls_count_for_the_function_and_by_version():
    metrics = InvocationMetrics()
    whole, canary = metrics.meter(ECHO), metrics.meter(canary_of(ECHO))

    def call(meter, code):
        meter.begin()
        meter.end(code, 0.003)

    call(whole, 200)
    metrics.begin_canary(ECHO, 3, 4)
    for meter, code in ((whole, 200), (whole, 200), (canary, 500), (canary, 200)):
        call(meter, code)

    label = 'function_name="echo.openfaas-fn"'
    text = metrics.render()
    for line in (
        f'gateway_function_invocation_total{{code="200",{label}}} 4',
        f'gateway_function_invocation_total{{code="500",{label}}} 1',
        f"gateway_function_invocation_started{{{label}}} 5",
        f'faas_function_version_seconds_count{{code="200",{label},version="3"}} 2',
        f'faas_function_version_seconds_count{{code="500",{label},version="4"}} 1',
    ):
        assert f"{line}\n" in text
    assert "--canary" not in text
    # The scaler sees them separately.
    assert (metrics.started(ECHO), metrics.started(canary.key)) == (3, 2)

    metrics.end_canary(ECHO)
    call(canary, 200)  # it was under way
    assert (metrics.invocation_count(ECHO), metrics.shares(ECHO)) == (6, [])
    assert "version=" not in metrics.render()
