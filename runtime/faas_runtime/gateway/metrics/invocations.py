"""Counters of function calls: cheap to update on every request, read by the scaler and Prometheus.

The names, labels and buckets are those of the OpenFaaS gateway. One event loop writes and reads them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from faas_runtime.gateway.traffic.canary import canary_of, is_canary
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
        """Number of calls that ended with this code."""
        return sum(self.buckets)

    def add(self, other: CodeSeries) -> None:
        """Add the counts of another series."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds


class Calls(NamedTuple):
    """The calls of a function, including those of its canary."""

    started: int
    in_flight: int
    codes: Mapping[int, CodeSeries]


class Share(NamedTuple):
    """One of the two versions of a function that has a canary, and its calls since the canary started."""

    key: FunctionKey
    version: int
    canary: bool
    codes: Mapping[int, CodeSeries]


class FunctionMeter:
    """The counters of one function. Every call runs through `begin()` and `end()`."""

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
        """A call has ended: the status sent to the caller, and how long it took in seconds."""
        self.in_flight -= 1
        series = self.codes.get(code)
        if series is None:
            series = self.codes[code] = CodeSeries()
        series.buckets[bisect_left(BUCKETS, seconds)] += 1
        series.seconds += seconds


class InvocationMetrics:
    """Counters of every function this gateway has called since it started.

    A canary has counters of its own, which the scaler needs; for everything else they are part of its
    function's counters.
    """

    def __init__(self) -> None:
        self._meters: dict[FunctionKey, FunctionMeter] = {}
        self._versions: dict[FunctionKey, tuple[int, int]] = {}
        self._earlier: dict[FunctionKey, dict[int, CodeSeries]] = {}

    def meter(self, key: FunctionKey) -> FunctionMeter:
        """The counters of one function; created at the first call, kept as long as the gateway runs."""
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = FunctionMeter(key)
        return meter

    def meters(self) -> list[FunctionMeter]:
        """The counters of every function."""
        return list(self._meters.values())

    def in_flight(self, key: FunctionKey) -> int:
        """Number of calls of a function that are running or waiting for a replica."""
        meter = self._meters.get(key)
        return 0 if meter is None else meter.in_flight

    def started(self, key: FunctionKey) -> int:
        """Number of calls of a function ever accepted. It only grows: unchanged means idle."""
        meter = self._meters.get(key)
        return 0 if meter is None else meter.started

    def calls(self, key: FunctionKey) -> Calls:
        """All calls of a function, of both versions."""
        meters = self._both(key)
        codes: dict[int, CodeSeries] = {}
        for found in (self._earlier.get(key, {}), *(meter.codes for meter in meters)):
            _add(codes, found)
        return Calls(sum(meter.started for meter in meters), sum(meter.in_flight for meter in meters), codes)

    def invocation_count(self, key: FunctionKey) -> int:
        """Number of finished calls of a function, of any status."""
        return sum(series.count for series in self.calls(key).codes.values())

    def begin_canary(self, key: FunctionKey, current: int, canary: int) -> None:
        """Count the calls of these two versions separately, from zero."""
        self._archive(key)
        self._versions[key] = (current, canary)

    def end_canary(self, key: FunctionKey) -> None:
        """Count one version again."""
        self._archive(key)
        self._versions.pop(key, None)

    def shares(self, key: FunctionKey) -> list[Share]:
        """Both versions of a function that has a canary, the current one first; empty without a canary."""
        if key not in self._versions:
            return []
        current, canary = self._versions[key]
        return [
            Share(key, current, False, self.meter(key).codes),
            Share(key, canary, True, self.meter(canary_of(key)).codes),
        ]

    def render(self, replicas: Iterable[tuple[FunctionKey, int]] = ()) -> str:
        """All counters in the Prometheus text format, with `gateway_service_count` from the desired replicas."""
        calls = {key: self.calls(key) for key in sorted(self._meters) if not is_canary(key)}
        shares = [share for key in sorted(self._versions) for share in self.shares(key)]
        lines = [*_render_counts(calls), *_render_started(calls), *_render_durations(calls), *_render_shares(shares)]
        lines.append("# HELP gateway_service_count Desired replicas of each function")
        lines.append("# TYPE gateway_service_count gauge")
        lines.extend(f'gateway_service_count{{function_name="{key}"}} {count}' for key, count in sorted(replicas))
        return "\n".join(lines) + "\n"

    def _both(self, key: FunctionKey) -> list[FunctionMeter]:
        return [meter for each in (key, canary_of(key)) if (meter := self._meters.get(each)) is not None]

    def _archive(self, key: FunctionKey) -> None:
        earlier = self._earlier.setdefault(key, {})
        for meter in self._both(key):
            _add(earlier, meter.codes)
            meter.codes = {}


def _add(to: dict[int, CodeSeries], more: Mapping[int, CodeSeries]) -> None:
    for code, series in more.items():
        to.setdefault(code, CodeSeries()).add(series)


def _render_counts(calls: Mapping[FunctionKey, Calls]) -> Iterator[str]:
    name = "gateway_function_invocation_total"
    yield f"# HELP {name} Finished function calls, by status"
    yield f"# TYPE {name} counter"
    for key, found in calls.items():
        for code, series in sorted(found.codes.items()):
            yield f'{name}{{code="{code}",function_name="{key}"}} {series.count}'


def _render_started(calls: Mapping[FunctionKey, Calls]) -> Iterator[str]:
    name = "gateway_function_invocation_started"
    yield f"# HELP {name} Accepted function calls"
    yield f"# TYPE {name} counter"
    for key, found in calls.items():
        yield f'{name}{{function_name="{key}"}} {found.started}'


def _render_durations(calls: Mapping[FunctionKey, Calls]) -> Iterator[str]:
    name = "gateway_functions_seconds"
    yield f"# HELP {name} Duration of function calls"
    yield f"# TYPE {name} histogram"
    for key, found in calls.items():
        for code, series in sorted(found.codes.items()):
            yield from _histogram(name, f'code="{code}",function_name="{key}"', series)


def _render_shares(shares: Iterable[Share]) -> Iterator[str]:
    name = "faas_function_version_seconds"
    yield f"# HELP {name} Duration of calls, by version of a function with a canary"
    yield f"# TYPE {name} histogram"
    for share in shares:
        for code, series in sorted(share.codes.items()):
            labels = f'code="{code}",function_name="{share.key}",version="{share.version}"'
            yield from _histogram(name, labels, series)


def _histogram(name: str, labels: str, series: CodeSeries) -> Iterator[str]:
    total = 0
    for bound, count in zip(_BOUNDS, series.buckets, strict=True):
        total += count
        yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
    yield f"{name}_sum{{{labels}}} {series.seconds!r}"
    yield f"{name}_count{{{labels}}} {total}"
