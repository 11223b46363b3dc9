"""Counters of several processes added up: nothing is counted twice, nothing is lost but what nobody has told."""

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.workers.counting import MetricsAggregate, MetricsReporter
from faas_runtime.providers.base import FunctionKey

ECHO = FunctionKey("echo", "openfaas-fn")


def told(teller, tally):
    counts = teller.gained()
    if counts is not None:
        tally.add(counts)
    return counts


def test_two_workers_are_added_up():
    total = InvocationMetrics()
    workers = [InvocationMetrics(), InvocationMetrics()]
    tellers = [MetricsReporter(metrics) for metrics in workers]
    tallies = [MetricsAggregate(total), MetricsAggregate(total)]
    for number, metrics in enumerate(workers):
        for _ in range(3):
            metrics.meter(ECHO).begin()
        metrics.meter(ECHO).end(200 + number, 0.02)
    for teller, tally in zip(tellers, tallies, strict=True):
        told(teller, tally)
    workers[0].meter(ECHO).end(200, 0.5)
    told(tellers[0], tallies[0])

    calls = total.calls(ECHO)
    assert (calls.started, calls.in_flight) == (6, 3)
    assert {code: series.count for code, series in calls.codes.items()} == {200: 2, 201: 1}
    assert calls.codes[200].seconds == 0.52


def test_nothing_new_is_not_told():
    metrics = InvocationMetrics()
    teller, tally = MetricsReporter(metrics), MetricsAggregate(InvocationMetrics())
    metrics.meter(ECHO)
    assert told(teller, tally) is None
    metrics.meter(ECHO).begin()
    assert told(teller, tally) is not None
    assert told(teller, tally) is None
    # Its end and another beginning leave the number in flight as it was.
    metrics.meter(ECHO).end(200, 0.1)
    metrics.meter(ECHO).begin()
    assert told(teller, tally) is not None


def test_a_worker_that_is_gone_leaves_its_finished_calls():
    total = InvocationMetrics()
    metrics = InvocationMetrics()
    teller, tally = MetricsReporter(metrics), MetricsAggregate(total)
    for _ in range(2):
        metrics.meter(ECHO).begin()
    metrics.meter(ECHO).end(200, 0.1)
    told(teller, tally)

    tally.end()

    calls = total.calls(ECHO)
    assert (calls.started, calls.in_flight, calls.codes[200].count) == (2, 0, 1)
