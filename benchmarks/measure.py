"""Times two actions, alternating, so that other load on the machine affects both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of A and B, pair by pair, from one run."""

    a: list[float]
    b: list[float]

    @property
    def ratio(self) -> float:
        """Median of the pairwise ratios A/B."""
        return statistics.median(x / y for x, y in zip(self.a, self.b, strict=True))

    def spread(self) -> str:
        """Smallest and largest pairwise ratio."""
        ratios = [x / y for x, y in zip(self.a, self.b, strict=True)]
        return f"{min(ratios):.2f} to {max(ratios):.2f}"


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def alternate(a: Callable[[], object], b: Callable[[], object], runs: int, warmup: int = 1) -> Comparison:
    """Run A B A B ..., after `warmup` pairs that do not count."""
    for _ in range(warmup):
        a()
        b()
    pairs = [(seconds(a), seconds(b)) for _ in range(runs)]
    return Comparison([x for x, _ in pairs], [y for _, y in pairs])


def report(title: str, comparison: Comparison, a: str, b: str, target: float | None = None) -> bool:
    """Print one line per measurement; True when it is within its target (or has none)."""
    met = target is None or comparison.ratio <= target
    goal = "" if target is None else f"  target <= {target:g}: {'met' if met else 'MISSED'}"
    print(
        f"{title}: {a} {statistics.median(comparison.a) * 1000:.0f} ms, {b} "
        f"{statistics.median(comparison.b) * 1000:.0f} ms, ratio {comparison.ratio:.2f} "
        f"({comparison.spread()}, n={len(comparison.a)}){goal}",
        flush=True,
    )
    return met
