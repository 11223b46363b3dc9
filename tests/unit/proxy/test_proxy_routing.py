"""Finding a function, and choosing among its replicas."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.pool import Backend, Connector, EndpointPool
from faas_runtime.gateway.proxy.router import Router, UnknownFunction
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time a test sets."""

    now = 100.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    loop = Clock()
    yield loop
    loop.close()


@pytest.fixture
def connector(clock: Clock) -> Connector:
    return Connector(clock, ProxySettings())


def endpoints(count: int) -> list[Endpoint]:
    """A number of replicas."""
    return [Endpoint(f"r{number}", "127.0.0.1", 1000 + number) for number in range(count)]


def backend(connector: Connector, count: int) -> Backend:
    """A function with a number of replicas."""
    made = Backend("f", 60.0, connector.loop.time)
    made.update(endpoints(count), connector)
    return made


def chosen(of: Backend, *tried: EndpointPool) -> str | None:
    """The name of the chosen replica."""
    pool = of.choose(tried)
    return None if pool is None else pool.endpoint.instance


# Choosing.


def test_no_replica(connector: Connector):
    assert chosen(backend(connector, 0)) is None


def test_only_replica_is_chosen_even_when_ejected(connector: Connector):
    only = backend(connector, 1)
    only.pools[0].eject()

    assert chosen(only) == "r0"
    assert chosen(only, only.pools[0]) is None


def test_least_busy_replica_is_chosen(connector: Connector):
    three = backend(connector, 3)
    for pool, calls in zip(three.pools, (5, 2, 3), strict=True):
        pool.in_flight = calls

    assert {chosen(three) for _ in range(10)} == {"r1"}
    assert chosen(three, three.pools[1]) == "r2"


def test_equally_busy_replicas_take_turns(connector: Connector):
    three = backend(connector, 3)

    assert Counter(chosen(three) for _ in range(30)) == {"r0": 10, "r1": 10, "r2": 10}


def test_ejected_replica_comes_back(connector: Connector, clock: Clock):
    two = backend(connector, 2)
    two.pools[0].eject()

    assert {chosen(two) for _ in range(4)} == {"r1"}
    clock.now += 0.25
    assert {chosen(two) for _ in range(4)} == {"r0", "r1"}


def test_ejection_grows_up_to_a_maximum(connector: Connector, clock: Clock):
    pool = backend(connector, 1).pools[0]
    pauses = []
    for _ in range(8):
        pool.eject()
        pauses.append(round(pool.ejected_until - clock.now, 1))

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_of_many_replicas_the_busiest_is_never_chosen(connector: Connector):
    many = backend(connector, 20)
    many.pools[7].in_flight = 100

    seen = Counter(chosen(many) for _ in range(2000))

    assert seen["r7"] == 0
    assert len(seen) == 19


def test_of_many_replicas_no_ejected_one_is_chosen(connector: Connector):
    many = backend(connector, 20)
    for pool in many.pools[1:]:
        pool.eject()

    assert {chosen(many) for _ in range(50)} == {"r0"}


def test_update_keeps_the_state_of_remaining_replicas(connector: Connector):
    two = backend(connector, 2)
    first, second = two.pools
    first.in_flight = 3

    two.update([*endpoints(1), Endpoint("new", "127.0.0.1", 9)], connector)

    assert two.pools[0] is first
    assert (first.retired, second.retired) == (False, True)
    assert chosen(two) == "new"


# Finding.

ECHO = FunctionKey("echo", "openfaas-fn")
OTHER = FunctionKey("echo", "dev")
CANARY = FunctionKey("echo--canary", "openfaas-fn")


@pytest.fixture
def routes() -> RoutingTable:
    table = RoutingTable()
    for key in (ECHO, OTHER, FunctionKey("a.b", "openfaas-fn")):
        table.apply(RouteUpdate(key, tuple(endpoints(1)), 1, timeout=7.0 if key is OTHER else None))
    return table


@pytest.fixture
def router(routes: RoutingTable, connector: Connector) -> Router:
    made = Router(routes, Endpoint("control", unix="/c"), ProxySettings(), InvocationMetrics(), connector)
    routes.subscribe(made.apply)
    return made


@pytest.mark.parametrize(
    ("path", "key", "rest"),
    [
        (b"/function/echo", ECHO, b"/"),
        (b"/function/echo/", ECHO, b"/"),
        (b"/function/echo/a/b", ECHO, b"/a/b"),
        (b"/function/echo.openfaas-fn/a", ECHO, b"/a"),
        (b"/function/echo.dev", OTHER, b"/"),
        (b"/function/%65cho", ECHO, b"/"),
        (b"/function/a.b.openfaas-fn", FunctionKey("a.b", "openfaas-fn"), b"/"),
    ],
)
def test_path_leads_to_its_function(router: Router, path: bytes, key: FunctionKey, rest: bytes):
    found, seen = router.find(path)

    assert (found.key, seen) == (key, rest)


@pytest.mark.parametrize("path", [b"/", b"/system/functions", b"/function", b"/functions/x", b"/async-function/echo"])
def test_other_paths_lead_to_the_control_api(router: Router, path: bytes):
    assert router.find(path) == (router.control, path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"ghost", "no function named `ghost` in namespace `openfaas-fn`"),
        (b"ghost.dev", "no function named `ghost` in namespace `dev`"),
        (b"a.b", "no function named `a` in namespace `b`"),
        (b"", "the path names no function"),
        (b"%0d%0aX:", "the path names no function"),
    ],
)
def test_unknown_function_is_named(router: Router, name: bytes, text: str):
    with pytest.raises(UnknownFunction) as unknown:
        router.find(b"/function/" + name)

    assert str(unknown.value) == text


def test_function_timeout_has_precedence(router: Router):
    assert [found.timeout for key in (ECHO, OTHER) if (found := router.backend(key))] == [60.0, 7.0]


def test_removed_function_is_forgotten_under_every_name(router: Router, routes: RoutingTable):
    before = router.backend(ECHO)
    routes.apply(RouteRemoved(ECHO))

    assert before is not None
    assert before.removed
    for name in (b"echo", b"echo.openfaas-fn"):
        with pytest.raises(UnknownFunction):
            router.find(b"/function/" + name)


def test_function_that_comes_back_is_a_new_one(router: Router, routes: RoutingTable):
    before = router.backend(ECHO)
    routes.apply(RouteRemoved(ECHO))
    routes.apply(RouteUpdate(ECHO, (), 0))

    after = router.backend(ECHO)
    assert after is not None
    assert after is not before
    assert (after.removed, after.desired, after.pools) == (False, 0, [])


# A function and its canary.


def drawn(router: Router, calls: int = 1000) -> Counter[str]:
    """How many calls of `echo` go to which function."""
    return Counter(str(router.find(b"/function/echo")[0].key).partition(".")[0] for _ in range(calls))


def test_a_canary_gets_its_share(router: Router, routes: RoutingTable):
    routes.apply(RouteUpdate(CANARY, tuple(endpoints(1)), 1))
    routes.set_canary(ECHO, 0.1)

    found = drawn(router, 4000)
    # 400 expected; the bounds are 6 standard deviations away.
    assert 280 < found["echo--canary"] < 520
    assert router.find(b"/function/echo.dev")[0].key == OTHER
    assert router.find(b"/function/echo--canary")[0].key == CANARY

    routes.set_canary(ECHO, None)
    assert set(drawn(router)) == {"echo"}


def test_a_share_stays_when_routes_change(router: Router, routes: RoutingTable):
    routes.set_canary(ECHO, 1.0)
    assert set(drawn(router, 10)) == {"echo"}

    routes.apply(RouteUpdate(CANARY, tuple(endpoints(1)), 1))
    routes.apply(RouteUpdate(ECHO, tuple(endpoints(2)), 2))
    assert set(drawn(router, 10)) == {"echo--canary"}
    assert {route.key for route in routes.all()} - {route.key for route in routes.functions()} == {CANARY}


@pytest.mark.parametrize(("replicas", "called"), [(1, {"echo"}), (0, {"echo--canary"})])
def test_a_canary_that_is_down_gets_no_calls_and_one_scaled_to_zero_is_woken(
    router: Router, routes: RoutingTable, replicas: int, called: set[str]
):
    routes.apply(RouteUpdate(CANARY, (), replicas))
    routes.set_canary(ECHO, 1.0)

    assert set(drawn(router, 10)) == called


def test_canary_share_is_part_of_a_route(router: Router, routes: RoutingTable):
    """As a control process sends routes to its workers."""
    routes.apply(RouteUpdate(CANARY, tuple(endpoints(1)), 1))
    routes.apply(RouteUpdate(ECHO, tuple(endpoints(1)), 1, canary=1.0))
    assert set(drawn(router, 10)) == {"echo--canary"}

    routes.apply(RouteUpdate(ECHO, tuple(endpoints(1)), 1))
    assert set(drawn(router, 10)) == {"echo"}


def test_a_canary_ends_with_its_function(router: Router, routes: RoutingTable):
    routes.apply(RouteUpdate(CANARY, tuple(endpoints(1)), 1))
    routes.set_canary(ECHO, 1.0)
    routes.apply(RouteRemoved(ECHO))

    with pytest.raises(UnknownFunction):
        router.find(b"/function/echo")
