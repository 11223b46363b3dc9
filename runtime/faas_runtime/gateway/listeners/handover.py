"""Handing the gateway over to the next one: what is said between the two processes.

    old: starts the new one, which inherits its listening sockets and the lock
    new: READY (nothing can be wrong with its settings any more)
    old: stops everything that only one gateway may do, GO
    new: takes the state directory, starts everything, serves, SERVING
    old: accepts nothing more, finishes its calls, ends

Up to SERVING the old one serves calls. If the new one ends before, the old one goes on.
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
"""Seconds the next gateway may take to load its code and read its settings."""
SERVING_TIMEOUT = 60.0
"""Seconds it may take to start everything."""


class HandoverFailed(Exception):
    """The next gateway did not come up; the text is one sentence."""


class Successor:
    """The next gateway, as this one sees it."""

    def __init__(self, arguments: Sequence[str], sockets: Mapping[str, socket.socket], lock: int) -> None:
        """Start it. Raises OSError."""
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        with theirs:
            numbers = {name: sock.fileno() for name, sock in sockets.items()}
            told = {"channel": theirs.fileno(), "lock": lock, "sockets": numbers}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faas_runtime.gateway", *arguments],
                stdin=subprocess.DEVNULL,
                env={**os.environ, _VARIABLE: json.dumps(told)},
                pass_fds=[theirs.fileno(), lock, *numbers.values()],
                # It must outlive us, and whoever sends signals to our process group.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def until_ready(self) -> None:
        """Return once it waits for us. Raises HandoverFailed."""
        await self._expect(_READY, READY_TIMEOUT)

    async def go(self) -> None:
        """Let it take over, and return once it serves. Raises HandoverFailed."""
        await asyncio.get_running_loop().sock_sendall(self._channel, _GO)
        await self._expect(_SERVING, SERVING_TIMEOUT)
        self._channel.close()

    async def end(self) -> None:
        """It is not to take over: return once it is gone."""
        self._channel.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def _expect(self, word: bytes, limit: float) -> None:
        try:
            async with asyncio.timeout(limit):
                said = await asyncio.get_running_loop().sock_recv(self._channel, 1)
        except TimeoutError:
            raise HandoverFailed(f"the new gateway did not come up within {limit:g} s") from None
        except OSError:
            said = b""
        if said != word:
            raise HandoverFailed("the new gateway ended before it served; its reason is in the log")


class Predecessor:
    """The gateway before this one, as this one sees it."""

    def __init__(self, channel: socket.socket, lock: int, sockets: Mapping[str, socket.socket]) -> None:
        self._channel = channel
        self.lock = lock
        self.sockets = sockets

    @classmethod
    def of_environment(cls) -> Predecessor | None:
        """The one that has started this process, None where nobody hands anything over."""
        text = os.environ.pop(_VARIABLE, "")
        if not text:
            return None
        told = json.loads(text)
        sockets = {name: socket.socket(fileno=number) for name, number in told["sockets"].items()}
        for number in (told["channel"], told["lock"], *told["sockets"].values()):
            os.set_inheritable(number, False)
        return cls(socket.socket(fileno=told["channel"]), told["lock"], sockets)

    def wait_for_go(self) -> None:
        """Return once the state directory is ours. Blocking. Raises HandoverFailed."""
        self._channel.sendall(_READY)
        if self._channel.recv(1) != _GO:
            raise HandoverFailed("the gateway that was to be replaced has not let go")

    def serving(self) -> None:
        """Tell it that it can go."""
        self._channel.sendall(_SERVING)
        self._channel.close()
