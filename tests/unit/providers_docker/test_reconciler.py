"""The reconciler replaces containers that end, with back-off."""

import asyncio

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import StartFailed
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.store import Deployed
from faas_runtime.providers.docker import reconciler as reconciler_module
from faas_runtime.providers.docker.container import Container
from faas_runtime.providers.docker.function import DockerFunction
from faas_runtime.providers.docker.reconciler import Reconciler

KEY = FunctionKey("fn", "openfaas-fn")


class Containers:
    """Stands in for an engine's containers: the test decides which run."""

    def __init__(self):
        self.alive = {}
        self.stopped = []
        self.faults = []
        self.started = asyncio.Queue()

    def make(self):
        name = f"c{self.started.qsize() + len(self.alive) + len(self.stopped)}"
        found = Container(id=name, name=name, labels={}, running=True, port=1, exit_code=0)
        self.alive[name] = found
        return found

    async def of(self, function):
        return list(self.alive.values())

    async def start_some(self, function, count):
        if self.faults:
            return [], self.faults.pop(0)
        made = [self.make() for _ in range(count)]
        self.started.put_nowait(len(made))
        return made, None

    async def stop(self, containers, grace):
        self.stopped += [each.id for each in containers]


def world(replicas=1):
    containers = Containers()
    deployment = FunctionDeployment(service="fn", image="fn:1", namespace="openfaas-fn")
    function = DockerFunction(KEY, Deployed(deployment=deployment, digest="d", replicas=replicas, created_at=""))
    reconciler = Reconciler(None, None, containers, RoutingFeed(), {KEY: function}, "here")
    return containers, function, reconciler


def run(scenario):
    async def bounded():
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(bounded())


def test_missing_replicas_are_started():
    """Missing containers are started up to the desired number."""

    async def scenario():
        containers, function, reconciler = world(replicas=3)
        reconciler.manage(function)
        assert await containers.started.get() == 3
        await asyncio.sleep(0)
        assert len(function.ready) == 3
        await reconciler.close()

    run(scenario)


def test_a_pause_grows_for_containers_that_do_not_live(monkeypatch):
    """Each restart waits longer than the one before it, up to a limit."""
    monkeypatch.setattr(reconciler_module, "_MIN_RESTART_DELAY", 0.001)
    monkeypatch.setattr(reconciler_module, "_MAX_RESTART_DELAY", 0.005)

    async def scenario():
        containers, function, reconciler = world()
        reconciler.manage(function)
        pauses = []
        for _ in range(5):
            await containers.started.get()
            pauses.append(function.pause)
            containers.alive.clear()
            function.wake.set()
        assert pauses == [0.0, 0.001, 0.002, 0.004, 0.005]
        assert function.problem == "a replica ended (it was removed)"
        await reconciler.close()

    run(scenario)


def test_one_that_lived_long_is_replaced_at_once(monkeypatch):
    """A container that ran long enough resets the back-off."""
    monkeypatch.setattr(reconciler_module, "MIN_LIFETIME", 0.0)

    async def scenario():
        containers, function, reconciler = world()
        reconciler.manage(function)
        await containers.started.get()
        function.pause = 9.0
        containers.alive.clear()
        function.wake.set()
        await containers.started.get()
        assert function.pause == 0.0
        await reconciler.close()

    run(scenario)


def test_a_start_that_fails_is_tried_again(monkeypatch):
    """The function reports the problem meanwhile."""
    monkeypatch.setattr(reconciler_module, "_MIN_RESTART_DELAY", 0.001)

    async def scenario():
        containers, function, reconciler = world()
        containers.faults = [StartFailed("`fn` ended:\nlast words"), StartFailed("`fn` ended again")]
        reconciler.manage(function)
        await containers.started.get()
        assert function.problem == "`fn` ended again"
        await reconciler.close()

    run(scenario)


def test_an_unhealthy_replica_is_replaced():
    """A failed health check: no new calls, and it is stopped when its calls are done."""

    async def scenario():
        containers, function, reconciler = world()
        reconciler.manage(function)
        await containers.started.get()
        await asyncio.sleep(0)
        (unhealthy,) = function.ready
        reconciler._handle("health_status: unhealthy", unhealthy, KEY)
        await containers.started.get()
        await asyncio.sleep(0)
        assert unhealthy not in function.ready
        assert len(function.ready) == 1
        assert containers.stopped == [unhealthy]
        await reconciler.close()

    run(scenario)


def test_fewer_replicas():
    """The surplus gets no new calls, then is stopped."""

    async def scenario():
        containers, function, reconciler = world(replicas=3)
        reconciler.manage(function)
        await containers.started.get()
        await asyncio.sleep(0)
        from msgspec.structs import replace

        function.deployed = replace(function.deployed, replicas=1)
        function.wake.set()
        while len(containers.stopped) < 2:  # bounded by `run`
            await asyncio.sleep(0)
        assert len(function.ready) == 1
        assert not set(function.ready) & set(containers.stopped)
        await reconciler.close()

    run(scenario)
