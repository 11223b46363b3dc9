"""Back-pressure: reading from one side stops while the other side cannot take any more."""

from __future__ import annotations

import asyncio

PEER_FULL = 1
"""The other side's write buffer is above its mark."""
NO_REPLICA_YET = 2
"""A request's body waits for a replica to send it to."""
PIPELINE_FULL = 4
"""Later requests wait for the response of the present one."""


class FlowControl:
    """Reads from a transport unless there is at least one reason not to."""

    __slots__ = ("_reasons", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._reasons = 0

    @property
    def paused(self) -> bool:
        """Whether reading is stopped."""
        return self._reasons != 0

    def pause(self, reason: int) -> None:
        """Stop reading for this reason."""
        if not self._reasons and not self._transport.is_closing():
            self._transport.pause_reading()
        self._reasons |= reason

    def resume(self, reason: int) -> None:
        """This reason is gone; read on if it was the last one."""
        if not self._reasons & reason:
            return
        self._reasons &= ~reason
        if not self._reasons and not self._transport.is_closing():
            self._transport.resume_reading()
