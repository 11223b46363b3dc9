"""Addresses, statuses and log lines of other providers."""

import asyncio

import msgspec
import pytest

from faas_runtime.core.api import ZERO_TIME, FunctionStatus
from faas_runtime.core.http import Address
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate
from faas_runtime.providers.remote.routes import changes, route_of
from faas_runtime.providers.remote.wire import AnyStatus, RouteStatus, log_messages

KEY = FunctionKey("echo", "openfaas-fn")
PROVIDER = Address("10.0.0.7", 8081, "/base")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8081/", Address("127.0.0.1", 8081)),
        ("http://127.0.0.1:8081", Address("127.0.0.1", 8081)),
        ("provider:8081", Address("provider", 8081)),
        ("http://provider", Address("provider", 80)),
        ("http://provider:8081/a/b/", Address("provider", 8081, "/a/b")),
        ("http://[::1]:8081/", Address("::1", 8081)),
    ],
)
def test_an_address_says_where_the_provider_is(url, address):
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url", ["", "http://", "https://provider/", "http://provider:99999", "http://u:p@provider", "http://provider/a b"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match=r"`|:"):
        Address.of(url)


def test_an_address_is_shown_as_a_url():
    assert (str(Address("::1", 8081)), str(PROVIDER)) == ("http://[::1]:8081/", "http://10.0.0.7:8081/base/")


def status(**values):
    return RouteStatus(name="echo", **values)


def test_there_is_one_way_to_a_function_however_many_replicas_it_has():
    annotations = {"com.faas.timeout": "90s", "com.faas.expose": "internal"}
    found = route_of(status(replicas=3, available_replicas=2, annotations=annotations), "openfaas-fn", PROVIDER)

    endpoint = Endpoint("echo.openfaas-fn@10.0.0.7:8081", "10.0.0.7", 8081, prefix="/base/function/echo.openfaas-fn")
    assert found == RouteUpdate(KEY, (endpoint,), 3, timeout=90.0, internal=True)


@pytest.mark.parametrize(("replicas", "available", "ways"), [(0, 0, 0), (1, 0, 0), (1, 1, 1), (0, 1, 1)])
def test_there_is_no_way_while_no_replica_is_available(replicas, available, ways):
    found = route_of(status(replicas=replicas, available_replicas=available), "openfaas-fn", PROVIDER)

    assert (len(found.endpoints), found.replicas) == (ways, max(replicas, available))


def test_only_what_changed_is_told():
    stays, goes, comes, before, after = (
        RouteUpdate(FunctionKey(name, "fn"), (), replicas)
        for name, replicas in (("stays", 1), ("goes", 1), ("comes", 1), ("changes", 1), ("changes", 2))
    )

    found = changes({r.key: r for r in (stays, goes, before)}, {r.key: r for r in (stays, comes, after)})

    assert found == [RouteRemoved(goes.key), comes, after]


def test_a_status_is_completed_with_what_providers_withdraw():
    found = msgspec.json.decode(b'{"name":"echo","image":"i","replicas":1,"unknown":{}}', type=AnyStatus)

    assert found.complete("fn") == FunctionStatus(
        name="echo", image="i", namespace="fn", replicas=1, created_at=ZERO_TIME
    )
    assert b'"createdAt":"0001' in msgspec.json.encode(found.complete("fn"))


def read(*chunks):
    async def stream():
        for chunk in chunks:
            yield chunk

    async def collect():
        return [message async for message in log_messages(stream(), KEY)]

    return [(each.name, each.namespace, each.instance, each.timestamp, each.text) for each in asyncio.run(collect())]


def test_log_lines_are_put_together_from_any_chunks():
    line = b'{"name":"e","namespace":"n","instance":"i","timestamp":"2026-01-02T03:04:05Z","text":"\xc3\xa4\\n"}\r\n'
    message = ("e", "n", "i", "2026-01-02T03:04:05Z", "ä")

    assert read(line * 3) == [message] * 3
    assert read(*(line[at : at + 1] for at in range(len(line)))) == [message]
    assert read(b"", line.rstrip()) == [message]


def test_log_lines_that_are_something_else_are_shown_as_they_are():
    assert read(b"oops\n\n", b'{"text":7,"name":null}\n', b"[1]\n\xff") == [
        ("echo", "openfaas-fn", "", ZERO_TIME, text) for text in ("oops", "", "[1]", "\ufffd")
    ]


def test_a_log_line_without_an_end_does_not_fill_the_memory():
    texts = [text for *_, text in read(*[b"x" * 1024 * 1024] * 9)]

    assert len(texts) == 2
    assert sum(map(len, texts)) == 9 * 1024 * 1024
