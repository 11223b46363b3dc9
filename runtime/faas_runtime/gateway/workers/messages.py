"""The messages between a control process and its workers: msgpack, each with its length in front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RouteUpdate


class Start(msgspec.Struct, frozen=True, tag=True):
    """To a worker: what it serves. `sockets` are descriptors that it has inherited."""

    settings: GatewaySettings
    control: str
    sockets: list[int]
    routes: list[RouteUpdate]
    blocked: dict[str, float]
    """Addresses with too many failed logins, and for how many seconds they are blocked."""


class UpdateRoute(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the routing of a function; it acknowledges the number once that is in effect."""

    number: int
    route: RouteUpdate


class RemoveRoute(msgspec.Struct, frozen=True, tag=True):
    """To a worker: a function was removed; it acknowledges that likewise."""

    number: int
    route: RouteRemoved


class WakeResult(msgspec.Struct, frozen=True, tag=True):
    """To a worker: a function is being started, or the reason why it cannot be."""

    key: FunctionKey
    problem: str = ""


class BlockAddress(msgspec.Struct, frozen=True, tag=True):
    """To a worker: an address had too many failed logins and is blocked for so many seconds."""

    address: str
    seconds: float


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: accept no more connections, and end after at most so many seconds."""

    grace: float


class Serving(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it accepts connections."""


class Acknowledged(msgspec.Struct, frozen=True, tag=True):
    """From a worker: the changes of routing up to this number are in effect."""

    number: int


class WakeRequest(msgspec.Struct, frozen=True, tag=True):
    """From a worker: a call waits for a function that is scaled to zero."""

    key: FunctionKey


class LoginFailed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: a client at this address sent wrong credentials."""

    address: str


class Loads(msgspec.Struct, frozen=True, tag=True):
    """From a worker: its new loads of replicas, in tenths of a call. To a worker: those of all other proxies."""

    replicas: dict[str, int]


class FunctionDelta(msgspec.Struct, frozen=True):
    """What the counters of one function have gained."""

    key: FunctionKey
    started: int
    in_flight: int
    codes: dict[int, tuple[list[int], float]]


class MetricsDelta(msgspec.Struct, frozen=True, tag=True):
    """From a worker: what its counters have gained since its last report."""

    functions: list[FunctionDelta]


ToWorker = Start | UpdateRoute | RemoveRoute | WakeResult | BlockAddress | Loads | Stop
FromWorker = Serving | Acknowledged | WakeRequest | LoginFailed | Loads | MetricsDelta

_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_LENGTH_BYTES = 4


def _decode_hook(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


to_worker = msgspec.msgpack.Decoder(ToWorker, dec_hook=_decode_hook)
"""Decodes messages to a worker."""
from_worker = msgspec.msgpack.Decoder(FromWorker)
"""Decodes messages from a worker."""


def send(writer: asyncio.StreamWriter, message: ToWorker | FromWorker) -> None:
    """Send a message; messages are small, so they may be buffered in memory."""
    data = _encoder.encode(message)
    writer.write(len(data).to_bytes(_LENGTH_BYTES) + data)


async def read_from_worker(reader: asyncio.StreamReader) -> AsyncIterator[FromWorker]:
    """Yield the worker's messages until it has ended."""
    async for data in _frames(reader):
        yield from_worker.decode(data)


async def read_to_worker(reader: asyncio.StreamReader) -> AsyncIterator[ToWorker]:
    """Yield the control process's messages until it has ended."""
    async for data in _frames(reader):
        yield to_worker.decode(data)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    try:
        while True:
            yield await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH_BYTES)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
