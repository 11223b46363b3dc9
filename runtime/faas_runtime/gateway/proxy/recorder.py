"""Records each request that has ended: in the counters, as a span, in the access log."""

from __future__ import annotations

import time

from faas_runtime.gateway.proxy.access_log import AccessLog, Entry
from faas_runtime.gateway.proxy.call import Call
from faas_runtime.gateway.proxy.tracing import Spans


class Recorder:
    """Counts every call; traces and logs it where that is on."""

    def __init__(self, log: AccessLog | None, spans: Spans | None) -> None:
        self.spans = spans
        self._log = log

    def begin(self, call: Call) -> None:
        """A request has been accepted."""
        meter = call.backend.meter
        if meter is not None:
            meter.begin()

    def end(self, call: Call, peer: str) -> None:
        """A request has ended with `call.status`."""
        seconds = time.monotonic() - call.began
        meter = call.backend.meter
        if meter is not None:
            meter.end(call.status, seconds)
            if self.spans is not None:
                self.spans.end(call, seconds)
        if self._log is not None:
            head, key = call.head, call.backend.key
            call_id = head.call_id or call.call_id.partition(b" ")[2]
            self._log.add(
                Entry(
                    time.time_ns() - int(seconds * 1e9),
                    peer,
                    head.method.decode(),
                    (head.path + head.query).decode(),
                    "" if key is None else str(key),
                    call.replica,
                    call.status,
                    seconds,
                    call.bytes_sent,
                    call_id.decode("ascii", "backslashreplace"),
                )
            )

    def refused(self, peer: str, status: int, method: str = "-", target: str = "-") -> None:
        """The proxy answered a request by itself, before it knew a backend for it."""
        if self._log is not None:
            self._log.add(Entry(time.time_ns(), peer, method, target, "", "", status, 0.0, 0, ""))

    async def close(self) -> None:
        """Write the rest of the log, and export the last spans."""
        if self._log is not None:
            await self._log.close()
        if self.spans is not None:
            await self.spans.close()
