"""What a control process and its workers say to each other, and how: messages with their length in front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RouteUpdate


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To a worker: what it serves. The sockets are descriptors that it has inherited."""

    settings: GatewaySettings
    control: str
    sockets: list[int]
    routes: list[RouteUpdate]
    waits: dict[str, float]
    """Addresses that have given too many wrong credentials, and how many seconds they have to wait."""


class Changed(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the routing of a function; to be answered once it has been taken over."""

    number: int
    route: RouteUpdate


class Removed(msgspec.Struct, frozen=True, tag=True):
    """To a worker: a function is gone; to be answered likewise."""

    number: int
    route: RouteRemoved


class Woken(msgspec.Struct, frozen=True, tag=True):
    """To a worker: a function is being started, or why it cannot be."""

    key: FunctionKey
    problem: str = ""


class Blocked(msgspec.Struct, frozen=True, tag=True):
    """To a worker: an address has given too many wrong credentials, and has to wait so many seconds."""

    address: str
    seconds: float


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a worker: accept nothing more, and end after so many seconds at most."""

    grace: float


class Serving(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it accepts connections."""


class Acknowledged(msgspec.Struct, frozen=True, tag=True):
    """From a worker: changes up to this one have been taken over."""

    number: int


class Wake(msgspec.Struct, frozen=True, tag=True):
    """From a worker: a call waits for a function that is scaled to zero."""

    key: FunctionKey


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: somebody at this address has given wrong credentials."""

    address: str


class InFlight(msgspec.Struct, frozen=True, tag=True):
    """From a worker: its calls at replicas where there are more or fewer of them now, in parts (see `loads.PARTS`).

    To a worker: those of all others there.
    """

    replicas: dict[str, int]


class Counted(msgspec.Struct, frozen=True):
    """What has been added to the counters of one function since they were told last."""

    key: FunctionKey
    started: int
    in_flight: int
    codes: dict[int, tuple[list[int], float]]


class Counts(msgspec.Struct, frozen=True, tag=True):
    """From a worker: what it has counted."""

    functions: list[Counted]


ToWorker = Begin | Changed | Removed | Woken | Blocked | InFlight | Stop
FromWorker = Serving | Acknowledged | Wake | Failed | InFlight | Counts

_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_HEAD = 4


def _decode_hook(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)


to_worker = msgspec.msgpack.Decoder(ToWorker, dec_hook=_decode_hook)
"""Decodes what a worker is told."""
from_worker = msgspec.msgpack.Decoder(FromWorker)
"""Decodes what a worker tells."""


def send(writer: asyncio.StreamWriter, message: ToWorker | FromWorker) -> None:
    """Send a message; they are small, so they may wait in memory."""
    data = _encoder.encode(message)
    writer.write(len(data).to_bytes(_HEAD) + data)


async def read_from_worker(reader: asyncio.StreamReader) -> AsyncIterator[FromWorker]:
    """Yield what the worker tells, until it is gone."""
    async for data in _frames(reader):
        yield from_worker.decode(data)


async def read_to_worker(reader: asyncio.StreamReader) -> AsyncIterator[ToWorker]:
    """Yield what this worker is told, until the control process is gone."""
    async for data in _frames(reader):
        yield to_worker.decode(data)


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    try:
        while True:
            yield await reader.readexactly(int.from_bytes(await reader.readexactly(_HEAD)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
