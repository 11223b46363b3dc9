"""The access log: one line for each request, whatever its result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, get, ok, post
from tests.conformance.proxy.replica import Replica

OpenProxy = Callable[..., RunningProxy]
Capture = pytest.CaptureFixture[str]


def entries(proxy: RunningProxy, capfd: Capture) -> list[dict[str, Any]]:
    """All entries; the proxy is stopped first."""
    proxy.begin_stop()()
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_access_log_is_off_by_default(proxy: RunningProxy, capfd: Capture):
    proxy.ask(get())
    proxy.begin_stop()()

    assert capfd.readouterr().out == ""


def test_call_is_logged_with_all_fields(open_proxy: OpenProxy, replica: Replica, capfd: Capture):
    replica.always(ok(b"12345"))
    proxy = open_proxy(access_log="json")

    proxy.ask(post(b"x", "X-Call-Id: id", path='/function/echo/a?b="c"'))

    (entry,) = entries(proxy, capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert re.fullmatch(r"127\.0\.0\.1:\d+", entry.pop("client"))
    assert 0 < entry.pop("seconds") < 5
    assert entry == {
        "method": "POST",
        "target": '/function/echo/a?b="c"',
        "function": "echo.openfaas-fn",
        "replica": f"replica-{replica.port}",
        "status": 200,
        "sent": 5,
        "call_id": "id",
    }


def test_generated_call_id_is_logged(open_proxy: OpenProxy, replica: Replica, capfd: Capture):
    proxy = open_proxy(access_log="json")

    response = proxy.ask(get())

    assert [entry["call_id"] for entry in entries(proxy, capfd)] == [response.get("X-Call-Id")]


def test_request_without_a_backend_is_logged(open_proxy: OpenProxy, capfd: Capture):
    proxy = open_proxy(access_log="json")

    proxy.ask(get("/function/ghost"))
    proxy.ask(get("//"))
    proxy.ask(b"nonsense\r\n\r\n")
    proxy.ask(get("/system/info"))

    logged = [(entry["status"], entry["target"], entry["function"]) for entry in entries(proxy, capfd)]
    assert logged == [(404, "/function/ghost", ""), (301, "//", ""), (400, "-", ""), (200, "/system/info", "")]


def test_text_format(open_proxy: OpenProxy, replica: Replica, capfd: Capture):
    replica.always(ok(b"12345"))
    proxy = open_proxy(access_log="text")

    proxy.ask(get("/function/echo", "X-Call-Id: id"))
    proxy.begin_stop()()

    line = capfd.readouterr().out
    assert re.fullmatch(
        r"[0-9T:.Z-]+ 127\.0\.0\.1:\d+ \"GET /function/echo\" 200 5 B [0-9.]+ ms echo\.openfaas-fn replica-\d+ id\n",
        line,
    )


def test_hostile_request_cannot_forge_a_line(open_proxy: OpenProxy, capfd: Capture):
    proxy = open_proxy(access_log="text")

    proxy.ask(get("/function/echo", 'X-Call-Id: a"b'))
    proxy.ask(b"GET /function/ghost?%0a2026 HTTP/1.1\r\nHost: h\r\n\r\n")
    proxy.begin_stop()()

    assert len(capfd.readouterr().out.splitlines()) == 2


def test_call_of_a_client_that_left_is_logged(
    open_proxy: OpenProxy, replica: Replica, capfd: Capture, eventually: Callable[[Callable[[], bool]], None]
):
    replica.script = lambda wire: (replica.note(wire.request()), wire.ended())[1]
    proxy = open_proxy(access_log="json")
    client = proxy.connect()
    client.send(get())
    replica.saw()

    client.reset()
    eventually(lambda: proxy.in_flight() == 0)

    assert [entry["status"] for entry in entries(proxy, capfd)] == [499]
