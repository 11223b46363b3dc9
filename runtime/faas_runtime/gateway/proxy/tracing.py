"""OpenTelemetry spans of function calls (the optional extra `otel`); without an exporter they cost nothing.

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
from faas_runtime.gateway.proxy.call import Call, Ids

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

log = logging.getLogger("faas.gateway")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "faas-gateway"
"""Service name in a trace, unless `OTEL_SERVICE_NAME` is set."""


class Spans:
    """Exports one span for each call: the caller's span is its parent, the function's are its children."""

    def __init__(self, ids: Ids) -> None:
        """Raises ImportError where the extra is not installed."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._ids = ids
        self._resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
        self._scope = InstrumentationScope("faas.gateway", __version__)
        # The processor has its own thread, and drops spans when the collector does not accept them.
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def traceparent(self, call: Call) -> bytes:
        """The context that the function gets: the caller's trace, or a new one, and a span of the gateway's own."""
        if not call.trace:
            ours = self._ids.traceparent()
            theirs = call.head.traceparent
            # Version, trace id, span id, flags: the caller decides whether its trace is sampled.
            call.trace = b"00" + theirs[2:36] + ours[36:53] + theirs[53:55] if theirs else ours
        return call.trace

    def end(self, call: Call, seconds: float) -> None:
        """A call has ended after so many seconds: export its span."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        head, key = call.head, call.backend.key
        if key is None:
            return
        end = time.time_ns()
        method = head.method.decode()
        failed = call.status >= 500
        span = ReadableSpan(
            name=f"{method} /function/{key}",
            context=_context(self.traceparent(call), remote=False),
            parent=_context(head.traceparent, remote=True) if head.traceparent else None,
            resource=self._resource,
            attributes={
                "http.request.method": method,
                "http.response.status_code": call.status,
                "url.path": head.path.decode(),
                "faas.invoked_name": str(key),
                "faas.instance": call.replica,
            },
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
            start_time=end - int(seconds * 1e9),
            end_time=end,
            instrumentation_scope=self._scope,
        )
        self._processor.on_end(span)

    async def close(self) -> None:
        """Export the remaining spans."""
        await asyncio.to_thread(self._processor.shutdown)


def spans_of_environment(ids: Ids) -> Spans | None:
    """Spans, if the environment names a collector for them."""
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
