"""The limits in a function's `com.openfaas.scale.*` labels, and how many replicas follow from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from faas_runtime.core.durations import parse_duration
from faas_runtime.providers.common.annotations import CONCURRENCY_ANNOTATION

PREFIX = "com.openfaas.scale."
KINDS = ("rps", "capacity", "cpu")
"""Calls per second, calls in flight, thousandths of a core: each for one replica."""
_MAX_DOWN_WINDOW = 300.0
# `min` alone is the initial number of replicas; the others enable the scaler.
_AUTOMATIC = ("max", "zero", "zero-duration", "type", "target", "target-proportion", "down.window")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScaleLimits:
    """The labels in numbers; durations in seconds, `factor` in percent of `maximum`."""

    minimum: int = 1
    maximum: int = 5
    factor: int = 10
    zero: bool = False
    zero_after: float = 900.0
    kind: str = "rps"
    target: float = 50.0
    proportion: float = 0.9
    down_window: float = 30.0
    automatic: bool = False
    """Whether the labels enable the built-in scaler."""


def limits_of(labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None = None) -> ScaleLimits:
    """The limits of a function. Invalid labels are ignored, as everywhere in OpenFaaS.

    The concurrency annotation (calls that one replica answers at a time) is the target, too, unless the labels name
    another measure.
    """
    given = {key.removeprefix(PREFIX): text for key, text in (labels or {}).items() if key.startswith(PREFIX)}
    concurrency = (annotations or {}).get(CONCURRENCY_ANNOTATION, "")
    if concurrency:
        given.setdefault("type", "capacity")
        if given["type"] == "capacity":
            given.setdefault("target", concurrency)
    default = ScaleLimits()
    minimum = _read(given, "min", _count, default.minimum)
    return ScaleLimits(
        minimum=minimum,
        maximum=_read(given, "max", _count, max(default.maximum, minimum)),
        factor=_read(given, "factor", _percent, default.factor),
        zero=given.get("zero", "").lower() == "true",
        zero_after=_read(given, "zero-duration", parse_duration, default.zero_after),
        kind=_read(given, "type", _kind, default.kind),
        target=_read(given, "target", _positive, default.target),
        proportion=min(1.0, _read(given, "target-proportion", _positive, default.proportion)),
        down_window=min(_MAX_DOWN_WINDOW, _read(given, "down.window", parse_duration, default.down_window)),
        automatic=any(name in given for name in _AUTOMATIC),
    )


def after_alert(limits: ScaleLimits, current: int, firing: bool) -> int:
    """The number of replicas after an alert: one step more while it fires, else the minimum."""
    if not firing:
        return limits.minimum
    step = math.ceil(limits.maximum * limits.factor / 100)
    return min(current + step, limits.maximum) if step > 0 else limits.minimum


def for_load(limits: ScaleLimits, load: float) -> int:
    """The number of replicas for a load (in the unit of `kind`) that keeps each below its target."""
    desired = math.ceil(load / (limits.target * limits.proportion) - 1e-9)
    return max(limits.minimum, min(desired, limits.maximum))


def _read(given: Mapping[str, str], name: str, parse: Callable[[str], T], default: T) -> T:
    try:
        return parse(given[name]) if name in given else default
    except ValueError:
        return default


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise ValueError(text)
    return number


def _percent(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100:
        raise ValueError(text)
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(text)
    return number


def _kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(text)
    return text
