"""Many clients, replicas killed and replaced all the time: a kill explains every failed call."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.conformance.proxy.proxy_driver import RunningProxy, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import Closed, Wire

SECONDS = 3.0
CLIENTS = 24


class Caller(threading.Thread):
    """Makes calls without pause, over kept connections, and checks every response."""

    def __init__(self, proxy: RunningProxy, number: int, end: float) -> None:
        super().__init__(daemon=True)
        self.good = self.failed = 0
        self.wrong: list[str] = []
        self._proxy = proxy
        self._number = number
        self._end = end

    def run(self) -> None:
        client: Wire | None = None
        while time.monotonic() < self._end and not self.wrong:
            client = client or self._proxy.connect()
            body = b"%d/%d" % (self._number, self.good)
            try:
                client.send(post(body))
                response = client.response()
            except (Closed, OSError):
                self.failed += 1
                client = None
                continue
            if response.status == 200:
                self.good += 1
            elif response.status == 502:
                self.failed += 1
            if response.status not in (200, 502) or (response.status == 200 and response.body != body):
                self.wrong.append(f"{response.start} {response.body!r} for {body!r}")


def test_killed_replicas_fail_only_their_own_calls(
    proxy: RunningProxy, new_replica: Callable[[], Replica], eventually: Callable[[Callable[[], bool]], None]
):
    """A kill fails at most the calls on the replica at that time; no response is mixed up, nothing leaks."""
    replicas = [new_replica() for _ in range(3)]
    proxy.replicas(*replicas)
    callers = [Caller(proxy, number, time.monotonic() + SECONDS) for number in range(CLIENTS)]
    for caller in callers:
        caller.start()
    kills = 0
    while any(caller.is_alive() for caller in callers):
        time.sleep(0.1)
        victim = replicas.pop(random.randrange(len(replicas)))
        replicas.append(new_replica())
        if random.random() < 0.5:
            # It dies before the proxy detects it.
            victim.stop()
            proxy.replicas(*replicas)
        else:
            proxy.replicas(*replicas)
            victim.stop()
        kills += 1
    for caller in callers:
        caller.join()

    assert [caller.wrong for caller in callers if caller.wrong] == []
    assert sum(caller.good for caller in callers) > 200
    assert sum(caller.failed for caller in callers) <= kills * CLIENTS
    eventually(lambda: proxy.in_flight() == 0)
    codes = proxy.codes()
    assert set(codes) <= {200, 502}
    assert codes[200] == sum(caller.good for caller in callers)


def test_connections_do_not_leak(proxy: RunningProxy, eventually: Callable[[Callable[[], bool]], None]):
    """Clients that disconnect in every possible way leave no descriptor and no object."""

    def come_and_go() -> None:
        for leave in (Wire.close, Wire.reset):
            for request in (b"", b"GET /fun", b"nonsense\r\n\r\n", post(b"abc"), post(b"abc")[:-1]):
                client = proxy.connect()
                client.send(request)
                leave(client)
        client = proxy.connect()
        client.send(post(b"x"))
        client.response()
        client.close()

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def left_over() -> int:
        gc.collect()
        names = ("ClientConnection", "RequestCycle")
        return sum(type(found).__name__ in names for found in gc.get_objects())

    come_and_go()
    eventually(lambda: proxy.in_flight() == 0 and left_over() == 0)
    before = descriptors()
    for _ in range(20):
        come_and_go()

    eventually(lambda: proxy.in_flight() == 0 and left_over() == 0)
    eventually(lambda: descriptors() <= before + 4)
