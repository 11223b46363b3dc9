"""The counters of several processes as one: each tells what it has added, one adds it up."""

from __future__ import annotations

from faas_runtime.gateway.metrics.invocations import CodeSeries, InvocationMetrics
from faas_runtime.gateway.workers.messages import Counted, Counts
from faas_runtime.providers.base import FunctionKey


class MetricsReporter:
    """In a worker: what its counters have gained since they were told last."""

    def __init__(self, metrics: InvocationMetrics) -> None:
        self._metrics = metrics
        self._told: dict[FunctionKey, Counted] = {}

    def gained(self) -> Counts | None:
        """What is new, None where nothing is."""
        functions = []
        for meter in self._metrics.meters():
            told = self._told.get(meter.key, Counted(meter.key, 0, 0, {}))
            if (meter.started, meter.in_flight) == (told.started, told.in_flight):
                # A call that has ended without another one having begun changes the second of them.
                continue
            codes = {code: (list(series.buckets), series.seconds) for code, series in meter.codes.items()}
            now = self._told[meter.key] = Counted(meter.key, meter.started, meter.in_flight, codes)
            functions.append(_difference(now, told))
        return Counts(functions) if functions else None


class MetricsAggregate:
    """In the control process: one worker's share in the counters of all."""

    def __init__(self, metrics: InvocationMetrics) -> None:
        self._metrics = metrics
        self._in_flight: dict[FunctionKey, int] = {}

    def add(self, counts: Counts) -> None:
        """Take over what the worker has counted."""
        for counted in counts.functions:
            meter = self._metrics.meter(counted.key)
            meter.started += counted.started
            meter.in_flight += counted.in_flight
            self._in_flight[counted.key] = self._in_flight.get(counted.key, 0) + counted.in_flight
            for code, (buckets, seconds) in counted.codes.items():
                series = CodeSeries()
                series.buckets, series.seconds = buckets, seconds
                meter.codes.setdefault(code, CodeSeries()).add(series)

    def end(self) -> None:
        """The worker is gone, and with it the calls it had."""
        for key, count in self._in_flight.items():
            self._metrics.meter(key).in_flight -= count
        self._in_flight.clear()


def _difference(now: Counted, told: Counted) -> Counted:
    codes = {}
    for code, (buckets, seconds) in now.codes.items():
        before, seconds_before = told.codes.get(code, ([0] * len(buckets), 0.0))
        gained = [mine - theirs for mine, theirs in zip(buckets, before, strict=True)]
        if any(gained):
            codes[code] = (gained, seconds - seconds_before)
    return Counted(now.key, now.started - told.started, now.in_flight - told.in_flight, codes)
