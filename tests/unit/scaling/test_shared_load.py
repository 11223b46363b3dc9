"""The load of several gateways, as the one that scales sees it."""

from faas_runtime.gateway.scaling.peers import LoadReport, SharedLoad, Standalone
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("fn", "openfaas-fn")


class Own:
    """This gateway's counters."""

    calls = running = 0

    def started(self, key):
        return self.calls

    def in_flight(self, key):
        return self.running


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def report(sender, started, in_flight=0):
    return LoadReport(sender, [(*KEY, started, in_flight)])


def test_alone_it_leads_on_its_own_counters():
    own = Own()
    assert Standalone(own).is_leader
    assert Standalone(own).load is own


def test_calls_of_all_add_up():
    """What a gateway did before we knew of it is no load."""
    own, clock = Own(), Clock()
    shared = SharedLoad(own, clock)
    shared.add(report("a", 1000))
    own.calls = 5
    assert shared.started(KEY) == 5
    shared.add(report("a", 1010, 3))
    shared.add(report("b", 7, 2))
    shared.add(report("b", 9, 2))
    own.running = 1
    assert (shared.started(KEY), shared.in_flight(KEY)) == (17, 6)


def test_the_sum_never_shrinks():
    """A gateway that starts anew counts from nothing, and one that is gone takes nothing along."""
    own, clock = Own(), Clock()
    shared = SharedLoad(own, clock)
    shared.add(report("a", 100))
    shared.add(report("a", 110, 4))
    shared.add(report("a", 2, 4))
    assert shared.started(KEY) == 10
    shared.add(report("a", 3, 4))
    assert shared.started(KEY) == 11
    clock.now += 6
    assert (shared.started(KEY), shared.in_flight(KEY)) == (11, 0)
