"""The life of an asynchronous call.

    queued ──claim──▶ running ──▶ done        the function answered
      ▲                  │──────▶ dead        a dead letter: out of attempts, or its function is gone
      └────── retry ─────┘
    queued ──▶ cancelled                      before it ran

A claim is a lease: it is renewed while the call runs, and a call whose lease ran out (its
gateway died) is queued again. `fence` counts the claims; only the holder of the latest may
end the call, so that a gateway that was only slow cannot overwrite the result of its successor.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from faas_runtime.providers.base import FunctionKey

Headers = tuple[tuple[str, str], ...]


class State(enum.StrEnum):
    """Where a call is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call as it is accepted. `not_before` is in seconds since the epoch; 0 means at once."""

    call_id: str
    key: FunctionKey
    path: str
    query: str
    headers: Headers
    body: bytes
    callback: str = ""
    not_before: float = 0.0
    caller_id: str = ""
    """The id that the caller gave its call: the function and the callback get it; it need not be unique."""
    cancel: str = ""
    """SHA-256 of the token that may cancel the call; empty where only an account may."""

    @property
    def public_id(self) -> str:
        """The id by which the caller knows the call."""
        return self.caller_id or self.call_id


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that this gateway holds until its lease ends."""

    seq: int
    fence: int
    attempts: int
    """Number of attempts, this one included."""
    created: float
    call: NewCall


@dataclass(frozen=True, slots=True)
class CallResult:
    """The function's response; `status` is 0 when the call itself failed, `reason` has the cause."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    """As much of the response as the queue keeps."""
    reason: str = ""
    seconds: float = 0.0
    rest: bytes = b""
    """What follows `body`, for the callback only."""
    truncated: bool = False
    """Whether even `rest` is not all of the response."""


@dataclass(frozen=True, slots=True)
class Record:
    """The state of a call, for the control API. Times are epoch seconds, 0 means unknown."""

    seq: int
    call_id: str
    key: FunctionKey
    state: State
    attempts: int
    created: float
    not_before: float
    finished: float
    status: int
    reason: str
    callback: str
    caller_id: str = ""
    cancel: str = ""
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a queue keeps."""

    calls: int = 100_000
    """Calls that wait or run."""
    calls_per_function: int = 20_000
    size: int = 4 << 30
    """Bytes of all calls and results."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a queue keeps now."""

    calls: int
    size: int


class CallQueue(Protocol):
    """Keeps calls until they end; `SqliteQueue` documents the methods."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def put(self, call: NewCall) -> int: ...
    async def claim(self, key: FunctionKey, limit: int, lease: float) -> list[Claim]: ...
    async def renew(self, claims: Iterable[Claim], lease: float) -> None: ...
    async def complete(self, claim: Claim, result: CallResult) -> bool: ...
    async def dead_letter(self, claim: Claim, result: CallResult) -> bool: ...
    async def retry(self, claim: Claim, not_before: float, result: CallResult, *, spend: bool = True) -> bool: ...
    async def recover(self) -> int: ...
    async def abandon(self) -> int: ...
    async def waiting(self) -> Mapping[FunctionKey, float]: ...
    async def counts(self) -> Mapping[FunctionKey, Mapping[State, int]]: ...
    async def find(self, call_id: str) -> Record | None: ...
    async def cancel(self, call_id: str) -> bool: ...
    async def replay(self, call_ids: Sequence[str] = ()) -> int: ...
    async def purge(
        self, states: Sequence[State] = ..., before: float | None = None, key: FunctionKey | None = None
    ) -> int: ...
    async def drop(self, key: FunctionKey, reason: str) -> int: ...
    async def list(
        self, state: State | None = None, limit: int = 100, after: int = 0, key: FunctionKey | None = None
    ) -> Sequence[Record]: ...


class Clock(Protocol):
    """The time; tests replace it."""

    def now(self) -> float:
        """Seconds since the epoch."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()
