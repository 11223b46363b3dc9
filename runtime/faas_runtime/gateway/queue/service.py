"""The asynchronous calls of one gateway: assembles queue, dispatcher, caller and callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import DiskFull
from faas_runtime.gateway.queue.callbacks import CallbackLimits, Callbacks
from faas_runtime.gateway.queue.calls import FunctionCaller
from faas_runtime.gateway.queue.dispatcher import Dispatcher, DispatcherSettings, Target
from faas_runtime.gateway.queue.jetstream import JetStreamQueue
from faas_runtime.gateway.queue.model import CallQueue, Limits, NewCall
from faas_runtime.gateway.queue.policy import RetryPolicy
from faas_runtime.gateway.queue.sqlite import SqliteQueue
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.queue")

CONCURRENCY_ANNOTATION = "com.faas.async.concurrency"
"""Maximum number of concurrent asynchronous calls of a function."""
DEFAULT_CONCURRENCY = 10


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Limits of asynchronous calls. Durations are in seconds, sizes in bytes."""

    path: Path
    """The database file."""
    nats: str = ""
    """Address of a NATS server that replaces the database."""
    lease: float = 60.0
    """Lease timeout: how long after a gateway's last renewal its calls are retried."""
    call_timeout: float = 24 * 3600.0
    """Read timeout of one call; the proxy enforces the function's own timeout."""
    max_body: int = 16 * 1024 * 1024
    """Largest request body that is queued."""
    workers: int = 32
    """Calls under way at once over all functions."""
    keep: float = 24 * 3600.0
    """How long a call and its result are kept after it ended."""
    limits: Limits = field(default_factory=Limits)
    """How much the queue keeps."""
    callback_hosts: frozenset[str] = frozenset()
    """Callback hosts that are allowed although their address is private."""
    callbacks: CallbackLimits = field(default_factory=CallbackLimits)


class QueueService:
    """Accepts calls at once and makes them in the background."""

    def __init__(
        self,
        settings: QueueSettings,
        function: Callable[[FunctionKey], FunctionStatus | None],
        disk_problem: Callable[[], str] = str,
    ) -> None:
        """`disk_problem` returns why nothing more may be stored, empty while there is room."""
        self.settings = settings
        self._disk_problem = disk_problem
        self.calls: CallQueue = (
            JetStreamQueue(settings.nats, settings.keep)
            if settings.nats
            else SqliteQueue(settings.path, limits=settings.limits)
        )
        self.callbacks = Callbacks(settings.callback_hosts, limits=settings.callbacks)
        self._function = function
        self._dispatcher: Dispatcher | None = None

    async def open(self) -> None:
        """Open the queue; calls can be accepted."""
        self.settings.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self.calls.open()

    async def start(self, gateway: str) -> None:
        """Begin to make calls through the gateway at that address (`unix:PATH` or a URL)."""
        settings = self.settings
        self._dispatcher = Dispatcher(
            self.calls,
            FunctionCaller(gateway, read_timeout=settings.call_timeout),
            self._target,
            self.callbacks.deliver,
            self._dispatcher_settings(),
        )
        await self._dispatcher.start()

    def _dispatcher_settings(self) -> DispatcherSettings:
        settings, shared = self.settings, bool(self.settings.nats)
        # NATS sends no notification of a call that another gateway accepted.
        idle = 0.25 if shared else 5.0
        return DispatcherSettings(
            workers=settings.workers, lease=settings.lease, keep=settings.keep, idle=idle, shared=shared
        )

    async def stop(self) -> None:
        """Drain running calls; the others stay in the queue."""
        if self._dispatcher is not None:
            await self._dispatcher.stop()

    async def close(self) -> None:
        """Close the queue."""
        self.callbacks.close()
        await self.calls.close()

    async def accept(self, call: NewCall) -> None:
        """Queue a call; returns once it is durable. Raises LimitReached, DiskFull, Unavailable."""
        if problem := self._disk_problem():
            raise DiskFull(f"no more asynchronous calls are accepted: {problem}")
        await self.calls.put(call)
        self.notify()

    def notify(self) -> None:
        """Wake the dispatcher."""
        if self._dispatcher is not None:
            self._dispatcher.notify()

    def problem(self) -> str:
        """Why no calls are made; empty while they are."""
        state = self._dispatcher.state if self._dispatcher is not None else "ok"
        return "" if state in ("ok", "starting") else state

    def warning(self) -> str:
        """What happened to the queue's file; empty where nothing did."""
        return self.calls.warning() if isinstance(self.calls, SqliteQueue) else ""

    def _target(self, key: FunctionKey) -> Target | None:
        status = self._function(key)
        return target_of(status) if status is not None else None


def target_of(status: FunctionStatus) -> Target:
    """The settings in a function's annotations; invalid values are ignored."""
    annotations = status.annotations or {}
    text = annotations.get(CONCURRENCY_ANNOTATION, "")
    concurrency = int(text) if text.isascii() and text.isdigit() and int(text) > 0 else DEFAULT_CONCURRENCY
    try:
        policy = RetryPolicy.of(annotations)
    except ValueError as error:
        log.warning("%s: %s", status.name, error)
        policy = RetryPolicy()
    return Target(concurrency, policy)
