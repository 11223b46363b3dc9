"""Headers that the proxy adds and removes, and that a client cannot forge."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable

import pytest

from faas_runtime import __version__
from tests.conformance.proxy.proxy_driver import ECHO, RunningProxy, get, ok, post
from tests.conformance.proxy.replica import Replica

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_call_id_and_start_time_are_generated(proxy: RunningProxy, replica: Replica):
    response = proxy.ask(get())
    request = replica.saw()

    call_id = request.get("X-Call-Id")
    assert call_id is not None
    assert UUID4.fullmatch(call_id)
    assert response.get("X-Call-Id") == call_id
    assert abs(int(request.get("X-Start-Time") or 0) - time.time_ns()) < 10e9
    assert response.get("X-Start-Time") == request.get("X-Start-Time")
    assert response.get("X-Served-By") == f"faas/{__version__}"


def test_every_call_has_its_own_id(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()
    for _ in range(300):
        client.send(get())
        client.response()

    assert len({replica.saw().get("X-Call-Id") for _ in range(300)}) == 300


def test_callers_own_id_is_kept_and_not_repeated_to_it(proxy: RunningProxy, replica: Replica):
    response = proxy.ask(get("/function/echo", "X-Call-Id: mine"))

    assert replica.saw().all("X-Call-Id") == ["mine"]
    assert response.all("X-Call-Id") == []


def test_function_may_set_id_and_start_time_itself(proxy: RunningProxy, replica: Replica):
    replica.always(ok(b"", "X-Call-Id: its own", "X-Start-Time: 1", "X-Duration-Seconds: 0.5", "X-Served-By: me"))

    response = proxy.ask(get())

    assert (response.get("X-Call-Id"), response.get("X-Start-Time")) == ("its own", "1")
    assert (response.get("X-Duration-Seconds"), response.get("X-Served-By")) == ("0.5", f"faas/{__version__}")


FORGED = ["X-Start-Time: 1", "X-Served-By: evil", "X-OpenFaaS-Internal: proxy", "X_Start_Time: 1", "Proxy: evil"]


@pytest.mark.parametrize("line", FORGED)
def test_gateway_headers_cannot_be_forged(proxy: RunningProxy, replica: Replica, line: str):
    proxy.ask(get("/function/echo", line))

    request = replica.saw()
    assert not [value for name, value in request.headers if f"{name}: {value}" == line]


HOP_BY_HOP = {
    "Keep-Alive": "timeout=5",
    "Proxy-Connection": "keep-alive",
    "Proxy-Authorization": "secret",
    "Proxy-Authenticate": "x",
    "TE": "trailers",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
}


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_hop_by_hop_request_header_is_dropped(proxy: RunningProxy, replica: Replica, name: str):
    proxy.ask(get("/function/echo", f"{name}: {HOP_BY_HOP[name]}", "Connection: keep-alive, Upgrade, HTTP2-Settings"))

    request = replica.saw()
    assert (request.all(name), request.all("Connection")) == ([], [])


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Upgrade", "Connection"])
def test_hop_by_hop_response_header_is_dropped(proxy: RunningProxy, replica: Replica, name: str):
    replica.answers(ok(b"", f"{name}: x"))

    assert proxy.ask(get()).all(name) == []


def test_header_named_by_connection_is_dropped(proxy: RunningProxy, replica: Replica):
    replica.always(ok(b"", "X-Private: 1", "Connection: x-private"))

    response = proxy.ask(get("/function/echo", "X-Hop: 1", "Connection: X-Hop"))

    assert replica.saw().all("X-Hop") == []
    assert response.all("X-Private") == []


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Content-Type", "Host", "X-Forwarded-For", "X-Call-Id"])
def test_connection_cannot_remove_an_end_to_end_header(proxy: RunningProxy, replica: Replica, name: str):
    proxy.ask(get("/function/echo", "Authorization: a", "Cookie: b", "Content-Type: c", f"Connection: {name}"))

    assert len(replica.saw().all(name)) == 1


def test_other_headers_pass_byte_for_byte(proxy: RunningProxy, replica: Replica):
    lines = ["aCCept:   */*", "X-Empty:", "X-Same: 1", "X-Same: 2", "X-Latin: ä", "x_under: score"]
    replica.always(ok(b"", *lines))

    response = proxy.ask(get("/function/echo", *lines))

    expected = [tuple(part.strip(" ") for part in line.split(":", 1)) for line in lines]
    assert [header for header in replica.saw().headers if header in expected] == expected
    assert [header for header in response.headers if header in expected] == expected


def test_function_gets_the_client_address(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()
    client.send(get())
    client.response()

    request = replica.saw()
    host, port = client.sock.getsockname()
    assert request.get("X-Forwarded-For") == f"{host}:{port}"
    assert (request.get("X-Forwarded-Proto"), request.get("X-Forwarded-Host")) == ("http", "proxy.test")
    assert request.get("Host") == f"127.0.0.1:{replica.port}"


def test_trusted_proxy_states_the_client_address(proxy: RunningProxy, replica: Replica):
    proxy.ask(get("/function/echo", "X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https", "Forwarded: for=9.9.9.9"))

    request = replica.saw()
    assert (request.get("X-Forwarded-For"), request.get("X-Forwarded-Proto")) == ("9.9.9.9", "https")
    assert (request.get("X-Forwarded-Host"), request.get("Forwarded")) == ("proxy.test", "for=9.9.9.9")


SPELLINGS = ["-".join(p) for p in (["X", "Forwarded", "For"], ["x", "forwarded", "for"])] + [
    "".join(parts) for parts in (["X", a, "Forwarded", b, "For"] for a, b in itertools.product("-_", repeat=2))
]


@pytest.mark.parametrize("name", [*SPELLINGS, "X-Forwarded-Proto", "X_Forwarded_Host", "Forwarded", "X-Real-Ip"])
def test_untrusted_client_cannot_state_the_client_address(
    open_proxy: Callable[..., RunningProxy], replica: Replica, name: str
):
    """Nor under a name that becomes the same environment variable."""
    open_proxy(trusted_proxies=()).ask(get("/function/echo", f"{name}: 6.6.6.6"))

    request = replica.saw()
    assert "6.6.6.6" not in [value for _, value in request.headers]
    assert (request.get("X-Forwarded-For") or "").startswith("127.0.0.1:")


def test_missing_trace_is_started(proxy: RunningProxy, replica: Replica):
    proxy.ask(get())

    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", replica.saw().get("traceparent") or "")


def test_trace_is_passed_on(proxy: RunningProxy, replica: Replica):
    proxy.ask(get("/function/echo", f"traceparent: {TRACE}", "tracestate: a=1", "tracestate: b=2"))

    request = replica.saw()
    assert (request.get("traceparent"), request.all("tracestate")) == (TRACE, ["a=1", "b=2"])


@pytest.mark.parametrize("trace", ["", "nonsense", TRACE.replace("00-", "ff-"), "00-" + "0" * 32 + TRACE[35:]])
def test_invalid_trace_is_replaced(proxy: RunningProxy, replica: Replica, trace: str):
    proxy.ask(get("/function/echo", f"traceparent: {trace}", "tracestate: a=1"))

    request = replica.saw()
    assert request.get("traceparent") not in (None, trace)
    assert request.all("tracestate") == []


def test_control_api_gets_no_call_headers(proxy: RunningProxy, control: Replica):
    response = proxy.ask(get("/system/functions", "Authorization: Basic eDp5"))

    request = control.saw()
    assert (request.get("Authorization"), request.get("Host")) == ("Basic eDp5", "proxy.test")
    assert request.all("X-Call-Id") == response.all("X-Call-Id") == []
    assert (request.get("X-Forwarded-For") or "").startswith("127.0.0.1:")


def test_asynchronous_calls_get_call_headers(proxy: RunningProxy, control: Replica):
    response = proxy.ask(post(b"later", path="/async-function/echo"))

    request = control.saw()
    assert request.get("X-Call-Id") == response.get("X-Call-Id")
    assert request.get("X-Start-Time") == response.get("X-Start-Time")


def test_calls_are_counted_by_status(proxy: RunningProxy, replica: Replica):
    replica.answers(ok(b""), ok(b"").replace(b"200 OK", b"418 Teapot"))

    proxy.ask(get())
    proxy.ask(get())

    text = proxy.call(proxy.metrics.render)
    assert f'gateway_function_invocation_started{{function_name="{ECHO}"}} 2' in text
    assert proxy.codes() == {200: 1, 418: 1}
    assert proxy.in_flight() == 0
