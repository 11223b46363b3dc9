"""Metrics of several workers summed up: each call counts once, and a worker that ends keeps its finished calls."""

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.workers.counting import MetricsAggregate, MetricsReporter
from faas_runtime.providers.base import FunctionKey

ECHO = FunctionKey("echo", "openfaas-fn")


def report(reporter, aggregate):
    delta = reporter.delta()
    if delta is not None:
        aggregate.add(delta)
    return delta


def test_two_workers_are_summed_up():
    total = InvocationMetrics()
    workers = [InvocationMetrics(), InvocationMetrics()]
    reporters = [MetricsReporter(metrics) for metrics in workers]
    aggregates = [MetricsAggregate(total), MetricsAggregate(total)]
    for number, metrics in enumerate(workers):
        for _ in range(3):
            metrics.meter(ECHO).begin()
        metrics.meter(ECHO).end(200 + number, 0.02)
    for reporter, aggregate in zip(reporters, aggregates, strict=True):
        report(reporter, aggregate)
    workers[0].meter(ECHO).end(200, 0.5)
    report(reporters[0], aggregates[0])

    calls = total.calls(ECHO)
    assert (calls.started, calls.in_flight) == (6, 3)
    assert {code: series.count for code, series in calls.codes.items()} == {200: 2, 201: 1}
    assert calls.codes[200].seconds == 0.52


def test_only_changes_are_reported():
    metrics = InvocationMetrics()
    reporter, aggregate = MetricsReporter(metrics), MetricsAggregate(InvocationMetrics())
    metrics.meter(ECHO)
    assert report(reporter, aggregate) is None
    metrics.meter(ECHO).begin()
    assert report(reporter, aggregate) is not None
    assert report(reporter, aggregate) is None
    # A call that ends and another one that starts leave the number in flight unchanged.
    metrics.meter(ECHO).end(200, 0.1)
    metrics.meter(ECHO).begin()
    assert report(reporter, aggregate) is not None


def test_worker_that_ends_keeps_its_finished_calls():
    total = InvocationMetrics()
    metrics = InvocationMetrics()
    reporter, aggregate = MetricsReporter(metrics), MetricsAggregate(total)
    for _ in range(2):
        metrics.meter(ECHO).begin()
    metrics.meter(ECHO).end(200, 0.1)
    report(reporter, aggregate)

    aggregate.close()

    calls = total.calls(ECHO)
    assert (calls.started, calls.in_flight, calls.codes[200].count) == (2, 0, 1)
