"""One request and what became of it, and the ids that each call gets."""

from __future__ import annotations

import os
import time

from faas_runtime.gateway.proxy.pool import Backend
from faas_runtime.gateway.proxy.request_head import RequestHead

_DRAW_BYTES = 16 * 256


class Ids:
    """Makes version 4 UUIDs and W3C trace contexts from random bytes drawn in bulk.

    Several times faster than the `uuid` module.
    """

    __slots__ = ("_hex", "_position")

    def __init__(self) -> None:
        self._hex = ""
        self._position = 0

    def _take(self) -> str:
        position = self._position
        if position >= len(self._hex):
            self._hex = os.urandom(_DRAW_BYTES).hex()
            position = 0
        self._position = position + 32
        return self._hex[position : position + 32]

    def call_id(self) -> bytes:
        """A random UUID in its usual form."""
        h = self._take()
        variant = "89ab"[int(h[16], 16) & 3]
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant}{h[17:20]}-{h[20:]}".encode()

    def traceparent(self) -> bytes:
        """The context of a new trace that is sampled, as tracers do by default."""
        return f"00-{self._take()}-{self._take()[:16]}-01".encode()


class Call:
    """A request, where it goes, the headers that identify it, and its result so far.

    `call_id` and `start_time` are header lines for the function and the caller: empty for a request
    that calls no function, `call_id` also when the caller sent an id of its own. `trace` is the
    context of the gateway's own span, if there is one.
    """

    __slots__ = (
        "backend",
        "began",
        "bytes_sent",
        "call_id",
        "head",
        "path",
        "replica",
        "retries",
        "start_time",
        "status",
        "trace",
    )

    def __init__(self, head: RequestHead, backend: Backend, path: bytes, ids: Ids) -> None:
        self.head = head
        self.backend = backend
        self.path = path
        self.began = time.monotonic()
        self.call_id = b""
        self.start_time = b""
        # Queued calls are function calls, too.
        if backend.meter is not None or head.path.startswith(b"/async-function/"):
            if not head.call_id:
                self.call_id = b"X-Call-Id: " + ids.call_id()
            self.start_time = b"X-Start-Time: %d" % time.time_ns()
        self.trace = b""
        self.replica = ""
        self.retries = 0
        self.status = 0
        self.bytes_sent = 0
