"""OpenTelemetry spans of function calls, by the optional extra `otel`; they cost nothing where nobody asks for them.

The SDK's own settings apply: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_BSP_...`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING

from faas_runtime import __version__
from faas_runtime.core.distribution import install_command
from faas_runtime.gateway.proxy.identity import Ids

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from faas_runtime.gateway.proxy.cycle import RequestCycle

log = logging.getLogger("faas.gateway")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "faas-gateway"
"""The name of the service in a trace, where `OTEL_SERVICE_NAME` gives no other."""


class Spans:
    """Makes one span of each call: the caller's is its parent, the function's are its children."""

    def __init__(self, ids: Ids) -> None:
        """Raises ImportError where the extra is not installed."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._ids = ids
        self._resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
        self._scope = InstrumentationScope("faas.gateway", __version__)
        # It has a thread of its own, and drops spans when nobody takes them.
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def traceparent(self, cycle: RequestCycle) -> bytes:
        """The context that a call is given: the caller's trace, or a new one, and a span of our own."""
        if not cycle.trace:
            ours = self._ids.traceparent()
            theirs = cycle.head.traceparent
            # Version, trace id, span id, flags: whether it is sampled is for who began it to say.
            cycle.trace = b"00" + theirs[2:36] + ours[36:53] + theirs[53:55] if theirs else ours
        return cycle.trace

    def ended(self, cycle: RequestCycle, seconds: float, replica: str) -> None:
        """A call is over."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        head, key = cycle.head, cycle.backend.key
        if key is None:
            return
        end = time.time_ns()
        method = head.method.decode()
        failed = cycle.status >= 500
        span = ReadableSpan(
            name=f"{method} /function/{key}",
            context=_context(self.traceparent(cycle), remote=False),
            parent=_context(head.traceparent, remote=True) if head.traceparent else None,
            resource=self._resource,
            attributes={
                "http.request.method": method,
                "http.response.status_code": cycle.status,
                "url.path": head.path.decode(),
                "faas.invoked_name": str(key),
                "faas.instance": replica,
            },
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=end - int(seconds * 1e9),
            end_time=end,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._processor.shutdown)


def spans_of_environment(ids: Ids) -> Spans | None:
    """Spans, if the environment names somebody who takes them."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    try:
        return Spans(ids)
    except ImportError:
        missing = install_command("otel")
        log.warning("calls are not traced: `%s` installs what `%s` needs", missing, _ENDPOINTS[0])
        return None


def _context(traceparent: bytes, remote: bool) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace, span, flags = traceparent.split(b"-")[:4]
    return SpanContext(int(trace, 16), int(span, 16), remote, TraceFlags(int(flags[:2], 16)))
