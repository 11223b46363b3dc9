"""Hands the gateway over to a new process; the protocol between the two.

    old: starts the new process, which inherits its listening sockets and the lock
    new: sends READY (its settings are valid)
    old: stops everything that only one gateway may do, sends GO
    new: locks the state directory, starts everything, serves, sends SERVING
    old: accepts no more connections, finishes its calls, ends

The old process serves calls until SERVING. If the new one ends before that, the old one continues.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

_VARIABLE = "FAAS_GATEWAY_HANDOVER"
_READY, _GO, _SERVING = b"r", b"g", b"s"
READY_TIMEOUT = 20.0
"""Seconds the new gateway may take to load its code and read its settings."""
SERVING_TIMEOUT = 60.0
"""Seconds the new gateway may take to start everything."""


class HandoverFailed(Exception):
    """The new gateway did not start; the text is one sentence."""


class Successor:
    """The new gateway process, as the old one sees it."""

    def __init__(self, arguments: Sequence[str], sockets: Mapping[str, socket.socket], lock: int) -> None:
        """Start the process. Raises OSError."""
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        with theirs:
            numbers = {name: sock.fileno() for name, sock in sockets.items()}
            inherited = {"channel": theirs.fileno(), "lock": lock, "sockets": numbers}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faas_runtime.gateway", *arguments],
                stdin=subprocess.DEVNULL,
                env={**os.environ, _VARIABLE: json.dumps(inherited)},
                pass_fds=[theirs.fileno(), lock, *numbers.values()],
                # It must outlive this process, and signals to this process group must not reach it.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._process.pid

    async def until_ready(self) -> None:
        """Return once it has sent READY. Raises HandoverFailed."""
        await self._expect(_READY, READY_TIMEOUT)

    async def go(self) -> None:
        """Send GO, and return once it serves. Raises HandoverFailed."""
        await asyncio.get_running_loop().sock_sendall(self._channel, _GO)
        await self._expect(_SERVING, SERVING_TIMEOUT)
        self._channel.close()

    async def end(self) -> None:
        """Kill it, and return once it has ended."""
        self._channel.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def _expect(self, message: bytes, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                received = await asyncio.get_running_loop().sock_recv(self._channel, 1)
        except TimeoutError:
            raise HandoverFailed(f"the new gateway did not start within {limit:g} s") from None
        except OSError:
            received = b""
        if received != message:
            raise HandoverFailed("the new gateway ended before it served; its log has the reason")


class Predecessor:
    """The old gateway process, as the new one sees it."""

    def __init__(self, channel: socket.socket, lock: int, sockets: Mapping[str, socket.socket]) -> None:
        self._channel = channel
        self.lock = lock
        self.sockets = sockets

    @classmethod
    def of_environment(cls) -> Predecessor | None:
        """The gateway that started this process; None if no gateway did."""
        text = os.environ.pop(_VARIABLE, "")
        if not text:
            return None
        inherited = json.loads(text)
        sockets = {name: socket.socket(fileno=number) for name, number in inherited["sockets"].items()}
        for number in (inherited["channel"], inherited["lock"], *inherited["sockets"].values()):
            os.set_inheritable(number, False)
        return cls(socket.socket(fileno=inherited["channel"]), inherited["lock"], sockets)

    def wait_for_go(self) -> None:
        """Send READY; blocks until the old gateway has released the state directory. Raises HandoverFailed."""
        self._channel.sendall(_READY)
        if self._channel.recv(1) != _GO:
            raise HandoverFailed("the old gateway did not release the state directory")

    def serving(self) -> None:
        """Send SERVING: the old gateway may end."""
        self._channel.sendall(_SERVING)
        self._channel.close()
