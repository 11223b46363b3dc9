"""The queue on NATS JetStream: several gateways share the work.

Calls are messages of one work-queue stream, with a subject for each function. The state of each call
is a record (`jetstream_records`) under the number that the stream gave it. A claim is a message that has
not been acknowledged, its lease the server's `ack_wait`. Every change of a record names the revision it
was made from: that is the fence.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from faas_runtime.core.distribution import install_command
from faas_runtime.core.errors import Invalid, Unavailable
from faas_runtime.gateway.queue.jetstream_records import CallRecord, RecordStore
from faas_runtime.gateway.queue.model import CallResult, Claim, Clock, NewCall, Record, State, SystemClock
from faas_runtime.providers.base import FunctionKey

_STREAM = "FAAS_CALLS"
_SUBJECT = "faas.calls"
_CONNECT_TIMEOUT = 5.0
_FETCH_WAIT = 0.1
_TRIES = 3
# Calls of functions that no gateway knows any more are dropped after so many seconds.
_MAX_RETENTION_SECONDS = 31 * 24 * 3600.0
# Headers and envelope of a message, beside the body.
_ENVELOPE = 16 * 1024
_ENDED = (State.DONE, State.DEAD, State.CANCELLED)


class JetStreamQueue:
    """Calls of all gateways that use one NATS account. Every method returns once the server has confirmed it."""

    def __init__(self, url: str, keep: float, clock: Clock | None = None) -> None:
        """`keep` is how many seconds a record stays after its last change."""
        self._url = url
        self._keep = keep
        self._clock = clock or SystemClock()
        self._nats: Any = None
        self._stream: Any = None
        self._records = RecordStore(None, None)
        self._consumers: dict[FunctionKey, Any] = {}
        self._held: dict[tuple[int, int], tuple[Any, int]] = {}

    async def open(self) -> None:
        """Connect, and create the stream and buckets if missing. Raises Unavailable."""
        try:
            import nats
            from nats.errors import Error
            from nats.js.api import RetentionPolicy, StreamConfig
        except ImportError:
            raise Unavailable(f"the queue on NATS needs a package: `{install_command('nats')}`") from None
        try:
            # The client retries for ever, which is right later on and wrong at the start.
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                self._nats = await nats.connect(self._url, max_reconnect_attempts=-1, error_cb=_quiet)
            self._stream = self._nats.jetstream(timeout=10)
            config = StreamConfig(name=_STREAM, subjects=[f"{_SUBJECT}.>"], retention=RetentionPolicy.WORK_QUEUE)
            config.max_age = _MAX_RETENTION_SECONDS
            await self._stream.add_stream(config)
            self._records = await RecordStore.open(self._stream, self._keep)
        except (Error, OSError) as error:
            raise Unavailable(f"NATS at {self._url} cannot be used: {error or 'no response'}") from None

    async def close(self) -> None:
        """Give every claim back and disconnect."""
        if self._nats is None:
            return
        for message, _ in self._held.values():
            with contextlib.suppress(Exception):
                await message.nak()
        # The client may be reconnecting, and then fails on its own connection.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await self._nats.close()

    async def put(self, call: NewCall) -> int:
        """Accept a call; return its number once it can no longer be lost. Raises Invalid, Unavailable."""
        if len(call.body) > self._nats.max_payload - _ENVELOPE:
            raise Invalid(f"the body is larger than this NATS server accepts ({self._nats.max_payload} bytes)")
        return await self._publish(call)

    async def claim(self, key: FunctionKey, limit: int, lease: float) -> list[Claim]:
        """Take up to `limit` calls of a function that are due, oldest first, for `lease` seconds."""
        consumer = await self._consumer(key, lease)
        try:
            messages = await consumer.fetch(limit, timeout=_FETCH_WAIT)
        except TimeoutError:  # nothing is there
            return []
        claims: list[Claim] = []
        while messages:
            try:
                claim = await self._claim(messages[0])
            except BaseException:
                # Given back at once, they need not wait until the lease has run out.
                await self._give_back(messages)
                if claims:
                    break
                raise
            messages.pop(0)
            if claim is not None:
                claims.append(claim)
        return claims

    async def _give_back(self, messages: Iterable[Any]) -> None:
        for message in messages:
            with contextlib.suppress(Exception):
                await message.nak()

    async def renew(self, claims: Iterable[Claim], lease: float) -> None:
        """Hold these calls for another lease."""
        for claim in claims:
            held = self._held.get((claim.seq, claim.fence))
            if held is not None:
                await held[0].in_progress()

    async def complete(self, claim: Claim, result: CallResult) -> bool:
        """Store the result. False when the claim is no longer ours."""
        return await self._end(claim, State.DONE, result)

    async def dead_letter(self, claim: Claim, result: CallResult) -> bool:
        """Store the result of a call that is not retried. False when the claim is no longer ours."""
        return await self._end(claim, State.DEAD, result)

    async def retry(self, claim: Claim, not_before: float, result: CallResult, *, spend: bool = True) -> bool:
        """Queue the call again for `not_before`; `spend` False gives the attempt back. False when not ours."""
        attempts = claim.attempts if spend else claim.attempts - 1
        kept = CallRecord(claim.seq, claim.call, State.QUEUED, attempts, claim.created, not_before, result=result)
        message = await self._change(claim, kept)
        if message is None:
            return False
        await message.nak(delay=max(0.001, not_before - self._clock.now()))
        return True

    async def recover(self) -> int:
        """Nothing to do: the server gives a call out again when its lease has run out."""
        return 0

    async def abandon(self) -> int:
        """Nothing to do, see `recover`; other gateways may hold what is marked running."""
        return 0

    async def waiting(self) -> dict[FunctionKey, float]:
        """Functions with calls that may be due. The server knows when, and delivers them then."""
        info = await self._stream.stream_info(_STREAM, subjects_filter=f"{_SUBJECT}.>")
        now = self._clock.now()
        return {_key(subject): now for subject in info.state.subjects or {}}

    async def counts(self) -> dict[FunctionKey, dict[State, int]]:
        """How many calls of each function are in each state."""
        found: dict[FunctionKey, dict[State, int]] = {}
        for kept in await self._records.all():
            states = found.setdefault(kept.call.key, {})
            states[kept.state] = states.get(kept.state, 0) + 1
        return found

    async def find(self, call_id: str) -> Record | None:
        """The newest call of that id, with the function's answer when there is one."""
        found = await self._records.find(call_id)
        return found[0].public() if found else None

    async def list(
        self, state: State | None = None, limit: int = 100, after: int = 0, key: FunctionKey | None = None
    ) -> Sequence[Record]:
        """Calls in a state and of a function (all by default), by number, after number `after`."""
        chosen = [
            kept
            for kept in await self._records.all()
            if kept.seq > after and state in (None, kept.state) and key in (None, kept.call.key)
        ]
        return [kept.public() for kept in sorted(chosen, key=lambda kept: kept.seq)[:limit]]

    async def cancel(self, call_id: str) -> bool:
        """Take a call that has not begun out of the queue. False when there is none."""
        found = await self._records.find(call_id)
        if found is None or found[0].state is not State.QUEUED:
            return False
        kept, revision = found
        kept.state, kept.finished = State.CANCELLED, self._clock.now()
        return await self._records.write(kept, revision) is not None

    async def replay(self, call_ids: Sequence[str] = ()) -> int:
        """Queue dead letters again with all their attempts (every one without ids); return how many."""
        count = 0
        for kept in await self._records.all():
            if kept.state is State.DEAD and (not call_ids or kept.call.call_id in call_ids):
                await self._publish(kept.call)
                await self._records.delete(kept.seq)
                count += 1
        return count

    async def purge(
        self, states: Sequence[State] = _ENDED, before: float | None = None, key: FunctionKey | None = None
    ) -> int:
        """Delete calls of a function (all by default) in one of `states`, that ended before a moment (any time
        without one). Calls that wait are cancelled, too."""
        if before is not None:
            return 0  # the bucket deletes old records by itself
        chosen = [kept for kept in await self._records.all() if kept.state in states and key in (None, kept.call.key)]
        for kept in chosen:
            if kept.state is State.QUEUED:
                await self._stream.delete_msg(_STREAM, kept.seq)
            await self._records.delete(kept.seq)
        return len(chosen)

    async def drop(self, key: FunctionKey, reason: str) -> int:
        """Cancel the calls of a function that wait; return how many."""
        info = await self._stream.stream_info(_STREAM, subjects_filter=_subject(key))
        if not info.state.subjects:
            return 0  # none waits: no need to read the records of all functions
        count = 0
        for kept in await self._records.all():
            if kept.state is State.QUEUED and kept.call.key == key and await self.cancel(kept.call.call_id):
                count += 1
        return count

    async def _publish(self, call: NewCall) -> int:
        from nats.errors import Error

        try:
            accepted = await self._stream.publish(_subject(call.key), msgspec.msgpack.encode((time.time(), call)))
            record = CallRecord(accepted.seq, call, State.QUEUED, 0, self._clock.now(), call.not_before)
            await self._records.create(record)
        except Error as error:
            raise Unavailable(f"NATS does not accept the call: {error}") from None
        return int(accepted.seq)

    async def _consumer(self, key: FunctionKey, lease: float) -> Any:
        consumer = self._consumers.get(key)
        if consumer is None:
            from nats.js.api import ConsumerConfig

            durable, subject = f"{key.namespace}_{key.name}", _subject(key)
            limits = ConsumerConfig(ack_wait=lease, max_deliver=-1, max_ack_pending=10_000)
            # A consumer that exists gets this lease: it may have had another.
            config = limits.evolve(name=durable, durable_name=durable, filter_subject=subject)
            await self._stream.add_consumer(_STREAM, config)
            consumer = await self._stream.pull_subscribe_bind(durable=durable, stream=_STREAM)
            self._consumers[key] = consumer
        return consumer

    async def _claim(self, message: Any) -> Claim | None:
        """Mark a message's call as running; None when it is not to be made now."""
        seq, fence = message.metadata.sequence.stream, message.metadata.num_delivered
        created, call = msgspec.msgpack.decode(message.data, type=tuple[float, NewCall])
        for _ in range(_TRIES):
            found = await self._records.read(seq)
            kept, revision = found or (CallRecord(seq, call, State.QUEUED, 0, created, call.not_before), 0)
            if kept.state in _ENDED:
                await message.ack()
                return None
            if kept.not_before > self._clock.now():
                await message.nak(delay=kept.not_before - self._clock.now())
                return None
            kept.state, kept.attempts = State.RUNNING, kept.attempts + 1
            written = await self._records.write(kept, revision)
            if written is not None:
                self._held[seq, fence] = (message, written)
                return Claim(seq, fence, kept.attempts, kept.created, call)
            # The gateway that accepted the call wrote its record in between.
        await message.nak()
        return None

    async def _end(self, claim: Claim, state: State, result: CallResult) -> bool:
        now = self._clock.now()
        limit = self._nats.max_payload - _ENVELOPE - (len(claim.call.body) if state is State.DEAD else 0)
        if len(result.body) > limit:
            cut = f"only the first {max(0, limit)} bytes of the response were kept"
            result = CallResult(result.status, result.headers, result.body[: max(0, limit)], cut, result.seconds)
        # Only a dead letter can be replayed; the others need no body any more.
        call = claim.call if state is State.DEAD else dataclasses.replace(claim.call, body=b"")
        kept = CallRecord(claim.seq, call, state, claim.attempts, claim.created, 0.0, now, result)
        message = await self._change(claim, kept)
        if message is None:
            return False
        await message.ack_sync(timeout=10)
        return True

    async def _change(self, claim: Claim, kept: CallRecord) -> Any:
        """Write the record of a claimed call and end the claim; its message, None when the claim was lost."""
        message, revision = self._held.pop((claim.seq, claim.fence), (None, 0))
        if message is None or await self._records.write(kept, revision) is None:
            return None
        return message


def _subject(key: FunctionKey) -> str:
    return f"{_SUBJECT}.{key.namespace}.{key.name}"


def _key(subject: str) -> FunctionKey:
    namespace, _, name = subject.removeprefix(f"{_SUBJECT}.").partition(".")
    return FunctionKey(name, namespace)


async def _quiet(_: Exception) -> None:
    """Lost connections show in the operations that fail; the client keeps reconnecting."""
