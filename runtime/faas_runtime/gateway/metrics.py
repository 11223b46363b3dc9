"""Counts of function calls: cheap to write on every request, read by the scaler and Prometheus.

The names, labels and buckets are those of the gateway contract. One event loop writes
and reads it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from faas_runtime.providers.base import FunctionKey

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram in seconds, without `+Inf`."""

_BOUNDS = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")


class CodeSeries:
    """Finished calls of one function that ended with one status code."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    @property
    def count(self) -> int:
        """How many calls ended with this code."""
        return sum(self.buckets)


class FunctionMeter:
    """The counters of one function. `begin()` and `end()` are on the path of every call."""

    __slots__ = ("codes", "in_flight", "key", "started")

    def __init__(self, key: FunctionKey) -> None:
        self.key = key
        self.started = 0
        self.in_flight = 0
        self.codes: dict[int, CodeSeries] = {}

    def begin(self) -> None:
        """A call has been accepted."""
        self.started += 1
        self.in_flight += 1

    def end(self, code: int, seconds: float) -> None:
        """A call that had begun is over: the status sent to the caller, and how long it took."""
        self.in_flight -= 1
        series = self.codes.get(code)
        if series is None:
            series = self.codes[code] = CodeSeries()
        series.buckets[bisect_left(BUCKETS, seconds)] += 1
        series.seconds += seconds


class InvocationMetrics:
    """Counters of every function this gateway has called since it started."""

    def __init__(self) -> None:
        self._meters: dict[FunctionKey, FunctionMeter] = {}

    def meter(self, key: FunctionKey) -> FunctionMeter:
        """The counters of one function; made at the first call, kept as long as the gateway runs."""
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = FunctionMeter(key)
        return meter

    def invocation_count(self, key: FunctionKey) -> int:
        """Finished calls of a function, whatever their status."""
        meter = self._meters.get(key)
        return 0 if meter is None else sum(series.count for series in meter.codes.values())

    def in_flight(self, key: FunctionKey) -> int:
        """Calls of a function that are running or waiting for a replica now."""
        meter = self._meters.get(key)
        return 0 if meter is None else meter.in_flight

    def started(self, key: FunctionKey) -> int:
        """Calls of a function that were ever accepted; it only grows, so it also tells idleness."""
        meter = self._meters.get(key)
        return 0 if meter is None else meter.started

    def render(self, replicas: Iterable[tuple[FunctionKey, int]] = ()) -> str:
        """The Prometheus text of all counters, with `gateway_service_count` from the replicas desired."""
        meters = [self._meters[key] for key in sorted(self._meters)]
        lines = [*_render_counts(meters), *_render_started(meters), *_render_durations(meters)]
        lines.append("# HELP gateway_service_count Replicas desired of each function")
        lines.append("# TYPE gateway_service_count gauge")
        lines.extend(f'gateway_service_count{{function_name="{key}"}} {count}' for key, count in sorted(replicas))
        return "\n".join(lines) + "\n"


def _render_counts(meters: list[FunctionMeter]) -> Iterator[str]:
    name = "gateway_function_invocation_total"
    yield f"# HELP {name} Function calls that are over, by status"
    yield f"# TYPE {name} counter"
    for meter in meters:
        for code, series in sorted(meter.codes.items()):
            yield f'{name}{{code="{code}",function_name="{meter.key}"}} {series.count}'


def _render_started(meters: list[FunctionMeter]) -> Iterator[str]:
    name = "gateway_function_invocation_started"
    yield f"# HELP {name} Function calls that were accepted"
    yield f"# TYPE {name} counter"
    for meter in meters:
        yield f'{name}{{function_name="{meter.key}"}} {meter.started}'


def _render_durations(meters: list[FunctionMeter]) -> Iterator[str]:
    name = "gateway_functions_seconds"
    yield f"# HELP {name} How long function calls took"
    yield f"# TYPE {name} histogram"
    for meter in meters:
        for code, series in sorted(meter.codes.items()):
            labels = f'code="{code}",function_name="{meter.key}"'
            total = 0
            for bound, count in zip(_BOUNDS, series.buckets, strict=True):
                total += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
            yield f"{name}_sum{{{labels}}} {series.seconds!r}"
            yield f"{name}_count{{{labels}}} {total}"
