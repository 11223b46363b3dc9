"""Spans of calls, as a collector that speaks OTLP over HTTP receives them."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from faas_runtime.providers.base import RouteUpdate
from tests.conformance.proxy.proxy_driver import ECHO, RunningProxy, get, post
from tests.conformance.proxy.replica import Replica

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OpenProxy = Callable[..., RunningProxy]


class Collector(http.server.ThreadingHTTPServer):
    """Keeps the spans it receives, decoded with the classes of the OTLP package."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.resources: list[Any] = []
        self.spans: list[Any] = []


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.resources.append(resource.resource)  # type: ignore[attr-defined]
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector(missing: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, named in the environment."""
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401
    except ImportError:
        missing("OpenTelemetry", "pip install 'faaskit[otel]'")
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def attributes(span: Any) -> dict[str, Any]:
    """A span's attributes as plain values."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def stop(proxy: RunningProxy) -> None:
    """Stop the proxy, which exports the remaining spans."""
    proxy.begin_stop()()


def test_call_is_a_span_between_the_callers_and_the_functions(
    collector: Collector, open_proxy: OpenProxy, replica: Replica
):
    proxy = open_proxy()

    proxy.ask(
        post(b"x", f"traceparent: 00-{TRACE}-{PARENT}-01", "tracestate: a=b", path="/function/echo/path?secret=1")
    )
    seen = replica.saw()
    stop(proxy)

    (span,) = collector.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert seen.get("traceparent") == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert seen.get("tracestate") == "a=b"
    assert (span.name, span.kind) == ("POST /function/echo.openfaas-fn", 2)
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/function/echo/path",
        "faas.invoked_name": "echo.openfaas-fn",
        "faas.instance": replica.endpoint.instance,
    }
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 5e9
    names = {one.key: one.value.string_value for one in collector.resources[0].attributes}
    assert names["service.name"] == "faas-gateway"


def test_call_without_a_trace_starts_one(collector: Collector, open_proxy: OpenProxy, replica: Replica):
    proxy = open_proxy()

    proxy.ask(get())
    seen = replica.saw()
    stop(proxy)

    (span,) = collector.spans
    assert span.parent_span_id == b""
    assert seen.get("traceparent") == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


def test_unsampled_call_is_not_exported(collector: Collector, open_proxy: OpenProxy, replica: Replica):
    proxy = open_proxy()

    proxy.ask(get("/function/echo", f"traceparent: 00-{TRACE}-{PARENT}-00"))
    seen = replica.saw().get("traceparent")
    stop(proxy)

    assert collector.spans == []
    assert seen is not None
    assert (seen[:36], seen[-3:]) == (f"00-{TRACE}-", "-00")


def test_call_that_reached_no_replica_is_a_failed_span(collector: Collector, open_proxy: OpenProxy):
    proxy = open_proxy(ready_timeout=0.1)
    proxy.route(RouteUpdate(ECHO, (), 1))

    assert proxy.ask(get()).status == 503
    stop(proxy)

    (span,) = collector.spans
    assert (span.status.code, attributes(span)["http.response.status_code"]) == (2, 503)


def test_unreachable_collector_fails_no_call(
    collector: Collector, open_proxy: OpenProxy, replica: Replica, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    proxy = open_proxy()

    assert [proxy.ask(get()).status for _ in range(5)] == [200] * 5


def test_tracing_is_off_by_default(collector: Collector, open_proxy: OpenProxy, replica: Replica):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
        proxy = open_proxy()

    proxy.ask(get("/function/echo", f"traceparent: 00-{TRACE}-{PARENT}-01"))
    stop(proxy)

    assert collector.spans == []
    assert replica.saw().get("traceparent") == f"00-{TRACE}-{PARENT}-01"
