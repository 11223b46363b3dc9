"""Functions of a store: what is read, what is offered, and a store that fails."""

import asyncio
import json

import pytest

from faas_runtime.core.errors import NotFound, Unavailable
from faas_runtime.core.function_store import own_platform, parse_store
from faas_runtime.gateway.control import store as module
from faas_runtime.gateway.control.store import FunctionStore

ENTRY = {"name": "env", "images": {own_platform().upper(): "env:1"}, "fprocess": "env", "storeVersion": 7}


@pytest.mark.parametrize("document", [[ENTRY], {"functions": [ENTRY], "version": "0.2.0"}])
def test_both_shapes_of_a_store_are_read(document):
    (found,) = parse_store(json.dumps(document).encode())

    assert (found.name, found.image_for(own_platform()), found.image_for("z80")) == ("env", "env:1", "")


@pytest.mark.parametrize("data", [b"", b"<html>", b'{"functions": 1}', b'[{"images": []}]', b"\xff"])
def test_what_is_no_store_is_refused(data):
    with pytest.raises(ValueError):
        parse_store(data)


def test_a_store_is_asked_once_in_a_while(monkeypatch):
    asked, now = [], [100.0]
    monkeypatch.setattr(module, "_fetch", lambda url: asked.append(url) or parse_store(json.dumps([ENTRY]).encode()))

    async def scenario():
        store = FunctionStore("http://store", lambda: now[0])
        for _ in range(3):
            assert len(await store.functions()) == 1
        now[0] += module.CACHE_TIMEOUT
        await store.functions()

    asyncio.run(scenario())
    assert asked == ["http://store"] * 2


@pytest.mark.parametrize(
    ("url", "fault", "words"),
    [
        ("", NotFound, "has no function store"),
        ("file:///etc/passwd", Unavailable, "is not an http or https URL"),
    ],
)
def test_a_store_that_is_not_there_says_so(url, fault, words):
    with pytest.raises(fault, match=words):
        asyncio.run(FunctionStore(url).functions())
