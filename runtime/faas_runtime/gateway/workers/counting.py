"""The metrics of several processes as one: each reports what it has added, one sums it up."""

from __future__ import annotations

from faas_runtime.gateway.metrics.invocations import CodeSeries, InvocationMetrics
from faas_runtime.gateway.workers.messages import FunctionDelta, MetricsDelta
from faas_runtime.providers.base import FunctionKey


class MetricsReporter:
    """In a worker: what its counters have gained since the last report."""

    def __init__(self, metrics: InvocationMetrics) -> None:
        self._metrics = metrics
        self._reported: dict[FunctionKey, FunctionDelta] = {}

    def delta(self) -> MetricsDelta | None:
        """What has changed since the last report; None for nothing."""
        functions = []
        for meter in self._metrics.meters():
            reported = self._reported.get(meter.key, FunctionDelta(meter.key, 0, 0, {}))
            if (meter.started, meter.in_flight) == (reported.started, reported.in_flight):
                # A call that ends without another one starting changes the second number.
                continue
            codes = {code: (list(series.buckets), series.seconds) for code, series in meter.codes.items()}
            now = self._reported[meter.key] = FunctionDelta(meter.key, meter.started, meter.in_flight, codes)
            functions.append(_difference(now, reported))
        return MetricsDelta(functions) if functions else None


class MetricsAggregate:
    """In the control process: one worker's share of the total."""

    def __init__(self, total: InvocationMetrics) -> None:
        self._total = total
        self._in_flight: dict[FunctionKey, int] = {}

    def add(self, delta: MetricsDelta) -> None:
        """Add a worker's report to the total."""
        for function in delta.functions:
            meter = self._total.meter(function.key)
            meter.started += function.started
            meter.in_flight += function.in_flight
            self._in_flight[function.key] = self._in_flight.get(function.key, 0) + function.in_flight
            for code, (buckets, seconds) in function.codes.items():
                series = CodeSeries()
                series.buckets, series.seconds = buckets, seconds
                meter.codes.setdefault(code, CodeSeries()).add(series)

    def close(self) -> None:
        """The worker has ended: its calls in flight are gone."""
        for key, count in self._in_flight.items():
            self._total.meter(key).in_flight -= count
        self._in_flight.clear()


def _difference(now: FunctionDelta, before: FunctionDelta) -> FunctionDelta:
    codes = {}
    for code, (buckets, seconds) in now.codes.items():
        buckets_before, seconds_before = before.codes.get(code, ([0] * len(buckets), 0.0))
        gained = [new - old for new, old in zip(buckets, buckets_before, strict=True)]
        if any(gained):
            codes[code] = (gained, seconds - seconds_before)
    return FunctionDelta(now.key, now.started - before.started, now.in_flight - before.in_flight, codes)
