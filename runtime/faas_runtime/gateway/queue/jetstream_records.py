"""The records of the queue on NATS JetStream: what became of each call, in two key-value buckets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from faas_runtime.gateway.queue.model import CallResult, NewCall, Record, State

_RECORDS = "faas-calls"
_IDS = "faas-call-ids"


class CallRecord(msgspec.Struct, array_like=True):
    """A record as it is stored; the call's body only while the call may be made again."""

    seq: int
    call: NewCall
    state: State
    attempts: int
    created: float
    not_before: float
    finished: float = 0.0
    result: CallResult = CallResult(0)

    def public(self) -> Record:
        """The record for the control API."""
        call, result = self.call, self.result
        return Record(
            seq=self.seq,
            call_id=call.call_id,
            key=call.key,
            state=self.state,
            attempts=self.attempts,
            created=self.created,
            not_before=self.not_before,
            finished=self.finished,
            status=result.status,
            reason=result.reason,
            callback=call.callback,
            caller_id=call.caller_id,
            cancel=call.cancel,
            headers=result.headers,
            body=result.body,
        )


class RecordStore:
    """Records by number, and numbers by the id of their call. Every method returns once the server confirms it."""

    def __init__(self, records: Any, ids: Any) -> None:
        self._records, self._ids = records, ids

    @classmethod
    async def open(cls, stream: Any, keep: float) -> RecordStore:
        """Create missing buckets; a record stays `keep` seconds after its last change."""
        from nats.js.api import KeyValueConfig

        records = await stream.create_key_value(KeyValueConfig(bucket=_RECORDS, ttl=keep))
        return cls(records, await stream.create_key_value(KeyValueConfig(bucket=_IDS, ttl=keep)))

    async def create(self, record: CallRecord) -> None:
        """Store a first record; one that a gateway wrote meanwhile, since the call runs already, stays."""
        from nats.js.errors import KeyWrongLastSequenceError

        async def create() -> None:
            with contextlib.suppress(KeyWrongLastSequenceError):
                await self._records.create(str(record.seq), msgspec.msgpack.encode(record))

        # Together: a caller waits for both.
        await asyncio.gather(create(), self._ids.put(record.call.call_id.encode().hex(), str(record.seq).encode()))

    async def read(self, seq: int) -> tuple[CallRecord, int] | None:
        """A record and its revision, None when there is none."""
        from nats.js.errors import KeyNotFoundError

        try:
            entry = await self._records.get(str(seq))
        except KeyNotFoundError:
            return None
        return msgspec.msgpack.decode(entry.value, type=CallRecord), int(entry.revision)

    async def find(self, call_id: str) -> tuple[CallRecord, int] | None:
        """The newest record of a call's id, and its revision."""
        from nats.js.errors import KeyNotFoundError

        try:
            entry = await self._ids.get(call_id.encode().hex())
        except KeyNotFoundError:
            return None
        return await self.read(int(entry.value))

    async def write(self, record: CallRecord, revision: int) -> int | None:
        """The new revision; None when another has changed the record since `revision`."""
        from nats.js.errors import KeyWrongLastSequenceError

        try:
            return int(await self._records.update(str(record.seq), msgspec.msgpack.encode(record), last=revision))
        except KeyWrongLastSequenceError:
            return None

    async def delete(self, seq: int) -> None:
        """Delete a record."""
        await self._records.delete(str(seq))

    async def all(self) -> Sequence[CallRecord]:
        """Every record."""
        from nats.js.errors import NoKeysError

        try:
            numbers = await self._records.keys()
        except NoKeysError:
            return []
        found = [await self.read(int(number)) for number in numbers]
        return [entry[0] for entry in found if entry is not None]
