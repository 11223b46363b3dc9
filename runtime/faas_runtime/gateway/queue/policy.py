"""When a failed call is retried, and when it becomes a dead letter.

The annotations and defaults are those of the OpenFaaS retry contract:
`com.openfaas.retry.attempts`, `.codes`, `.min_wait`, `.max_wait`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from faas_runtime.core.durations import parse_duration
from faas_runtime.gateway.queue.model import CallResult

_PREFIX = "com.openfaas.retry."
_DEFAULT_CODES = frozenset({408, 429, 500, 502, 503, 504})
BUSY = 429
"""The function is at its concurrency limit; this is not a failure."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, on what and how long after. Waits are in seconds."""

    attempts: int = 10
    codes: frozenset[int] = _DEFAULT_CODES
    min_wait: float = 10.0
    max_wait: float = 120.0

    @classmethod
    def of(cls, annotations: Mapping[str, str] | None) -> RetryPolicy:
        """The policy in a function's annotations. Raises ValueError, naming the invalid annotation."""
        given = {key[len(_PREFIX) :]: text for key, text in (annotations or {}).items() if key.startswith(_PREFIX)}
        default = cls()
        try:
            codes = frozenset(int(code) for code in given["codes"].split(",")) if "codes" in given else default.codes
            return cls(
                attempts=max(1, int(given.get("attempts", default.attempts))),
                codes=codes,
                min_wait=parse_duration(given["min_wait"]) if "min_wait" in given else default.min_wait,
                max_wait=parse_duration(given["max_wait"]) if "max_wait" in given else default.max_wait,
            )
        except ValueError as error:
            raise ValueError(f"annotation `{_PREFIX}*`: {error}") from error

    def should_retry(self, result: CallResult) -> bool:
        """Whether this result is retried: a listed code, or a failure of the platform itself."""
        from_platform = any(name.lower() == "x-openfaas-internal" for name, _ in result.headers)
        return result.status == 0 or result.status in self.codes or (from_platform and result.status >= 500)

    def wait(self, attempts: int, result: CallResult, chance: random.Random) -> float:
        """Seconds until the next attempt: `Retry-After` when given, else exponential with equal jitter.

        The wait lies between half and all of the exponential step, so that calls that failed
        together are not retried together, and none is retried at once.
        """
        given = _retry_after(result)
        if given is not None:
            return min(given, self.max_wait)
        step = min(self.max_wait, self.min_wait * 2.0 ** min(attempts - 1, 30))
        return step * chance.uniform(0.5, 1.0)


def _retry_after(result: CallResult) -> float | None:
    if result.status not in (BUSY, 503):
        return None
    for name, text in result.headers:
        if name.lower() == "retry-after" and text.strip().isdigit():
            return float(text)
    return None
