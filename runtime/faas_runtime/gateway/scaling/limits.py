"""What a function's `com.openfaas.scale.*` labels ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from faas_runtime.core.durations import parse_duration
from faas_runtime.providers.common.annotations import CONCURRENCY_ANNOTATION

PREFIX = "com.openfaas.scale."
KINDS = ("rps", "capacity", "cpu")
"""Calls per second, calls under way, thousandths of a core: each for one replica."""
_LONGEST_WINDOW = 300.0
# `min` alone says how many replicas there are at first; the others ask for the scaler.
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
    """Whether the labels ask for the built-in scaler at all."""


def limits_of(labels: Mapping[str, str] | None, annotations: Mapping[str, str] | None = None) -> ScaleLimits:
    """The limits of a function; a label that makes no sense counts as absent, as everywhere in OpenFaaS.

    A function that says how many calls a replica answers at a time is scaled by that, unless its labels
    name another measure: one number for the watchdog's limit and for the scaler's target.
    """
    given = {key.removeprefix(PREFIX): text for key, text in (labels or {}).items() if key.startswith(PREFIX)}
    most = (annotations or {}).get(CONCURRENCY_ANNOTATION, "")
    if most:
        given.setdefault("type", "capacity")
        if given["type"] == "capacity":
            given.setdefault("target", most)
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
        down_window=min(_LONGEST_WINDOW, _read(given, "down.window", parse_duration, default.down_window)),
        automatic=any(name in given for name in _AUTOMATIC),
    )


def after_alert(limits: ScaleLimits, current: int, firing: bool) -> int:
    """How many replicas an alert leads to: one step up while it fires, else the minimum."""
    if not firing:
        return limits.minimum
    step = math.ceil(limits.maximum * limits.factor / 100)
    return min(current + step, limits.maximum) if step > 0 else limits.minimum


def for_load(limits: ScaleLimits, load: float) -> int:
    """How many replicas carry a load (in the unit of `kind`) with each of them below its target."""
    wanted = math.ceil(load / (limits.target * limits.proportion) - 1e-9)
    return max(limits.minimum, min(wanted, limits.maximum))


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
