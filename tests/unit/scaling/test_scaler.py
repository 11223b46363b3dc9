"""What the scaler decides, sample by sample."""

import asyncio
from types import SimpleNamespace

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import Unavailable
from faas_runtime.gateway.scaling.limits import ScaleLimits
from faas_runtime.gateway.scaling.scaler import Sample, Scaler, ScalingHistory
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("f", "n")

LIMITS = ScaleLimits(maximum=5, target=10, proportion=1.0, down_window=30, automatic=True)


def run(loads, limits=LIMITS, current=1, history=None, start=100.0, in_flight=0):
    """One sample a second with so many calls in each; returns the replicas after each."""
    history = history or ScalingHistory()
    started, found = 0, []
    for second, load in enumerate(loads):
        started += load
        current = history.decide(Sample(start + second, started, in_flight), limits, current)
        found.append(current)
    return found


def test_load_brings_replicas_within_seconds():
    assert run([0] + [35] * 10)[-1] == 4
    assert max(run([0] + [35] * 10)[:3]) > 1


def test_it_never_goes_above_the_maximum():
    assert max(run([1000] * 20)) == 5


def test_it_goes_down_only_after_a_quiet_window():
    found = run([0] + [35] * 10 + [0] * 60)
    peak = max(found)
    went_down = found.index(peak) + next(i for i, count in enumerate(found[found.index(peak) :]) if count < peak)

    assert went_down >= 10 + 30
    assert found[-1] == 1


def test_a_load_that_comes_and_goes_does_not_flap():
    found = run(([40] * 5 + [0] * 5) * 12)

    assert set(found[15:]) == {max(found)}


def test_capacity_counts_the_calls_under_way():
    limits = ScaleLimits(maximum=5, kind="capacity", target=2, proportion=1.0, automatic=True)

    assert run([0] * 8, limits, in_flight=6)[-1] == 3


def test_cpu_counts_thousandths_of_a_core():
    limits = ScaleLimits(maximum=5, kind="cpu", target=500, proportion=1.0, automatic=True)

    assert ScalingHistory().decide(Sample(100, 0, 1, 1400.0), limits, 1) == 3


def test_an_idle_function_goes_to_zero_after_its_time():
    limits = ScaleLimits(zero=True, zero_after=20, automatic=True)
    found = run([1, 0, 1] + [0] * 30, limits)

    assert found[21] == 1
    assert found[23] == 0


def test_a_call_under_way_is_not_idle():
    limits = ScaleLimits(zero=True, zero_after=5, automatic=True)

    assert 0 not in run([0] * 30, limits, in_flight=1)


def test_a_function_that_was_woken_starts_a_new_idle_time():
    limits = ScaleLimits(zero=True, zero_after=5, automatic=True)
    history = ScalingHistory()
    assert run([0] * 10, limits, history=history)[-1] == 0
    assert run([0] * 3, limits, current=0, history=history, start=200) == [0, 0, 0]

    assert run([0] * 4, limits, current=1, history=history, start=203) == [1, 1, 1, 1]


def test_a_function_below_its_minimum_is_brought_up():
    assert run([0] * 3, ScaleLimits(minimum=2, automatic=True))[-1] == 2


class World:
    """One function below its minimum, whose provider refuses to scale; `now` is the clock."""

    is_leader = True

    def __init__(self):
        self.now, self.asked = 100.0, []
        self.fault: Unavailable | None = Unavailable("no room")
        self.load = self

    def all(self):
        labels = {"com.openfaas.scale.min": "2", "com.openfaas.scale.target": "10"}
        return {KEY: FunctionStatus(name="f", namespace="n", image="i", created_at="", labels=labels)}

    def lookup(self, key):
        return SimpleNamespace(replicas=1)

    def started(self, key):
        return 0

    in_flight = started

    async def scale(self, key, replicas):
        self.asked.append((self.now, replicas))
        if self.fault:
            raise self.fault


def test_a_fault_pauses_the_scaler_for_half_a_minute():
    """An engine that is full is not asked every second; afterwards it is asked again."""
    world = World()
    scaler = Scaler(world, world, world, world, clock=lambda: world.now)

    async def steps():
        for second in range(62):
            world.now = 100.0 + second
            await scaler.scale_all()

    asyncio.run(steps())
    assert world.asked == [(100.0, 2), (130.0, 2), (160.0, 2)]


def test_nothing_pauses_the_scaler_after_a_success():
    """The next sample scales again while the number is not reached."""
    world = World()
    world.fault = None
    scaler = Scaler(world, world, world, world, clock=lambda: world.now)

    async def steps():
        for second in range(3):
            world.now = 100.0 + second
            await scaler.scale_all()

    asyncio.run(steps())
    assert [at for at, _ in world.asked] == [100.0, 101.0, 102.0]
