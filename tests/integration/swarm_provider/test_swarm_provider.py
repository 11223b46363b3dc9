"""The protocol of a provider, on a real Swarm."""

import asyncio
import re
from pathlib import Path

import pytest

from faas_runtime.core.api import FunctionNamespace, FunctionResources, Secret
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound, StartFailed
from faas_runtime.providers.base import FunctionKey, LogQuery
from tests.integration.swarm_provider.conftest import IMAGE
from tests.provider_world import KEY

pytestmark = pytest.mark.integration


def test_a_function_comes_is_scaled_and_goes(world):
    """Calls reach its tasks directly, without a virtual address or the ingress mesh."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        assert world.call() == b"hi|x|"
        with pytest.raises(AlreadyExists):
            await provider.deploy(world.deployment())
        await provider.scale(KEY, 3)
        await world.until(lambda: len(world.endpoints()) == 3)
        assert {world.call(endpoint=each) for each in world.endpoints()} == {b"hi|x|"}
        status = await provider.get(KEY)
        assert (status.replicas, status.available_replicas, status.image) == (3, 3, IMAGE)
        await provider.scale(KEY, 0)
        await world.until(lambda: not world.endpoints())
        assert world.routes[KEY].replicas == 0
        await provider.delete(KEY)
        assert KEY not in world.routes
        with pytest.raises(NotFound):
            await provider.get(KEY)

    world.run(scenario)
    assert world.client.services.list() == []


def test_what_a_task_may_do(world):
    """No capability but those an annotation allows, and limits of processes and memory."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        assert capabilities(world) == 0
        (service,) = world.client.services.list()
        limits = service.attrs["Spec"]["TaskTemplate"]["Resources"]["Limits"]
        assert (limits["Pids"], limits["MemoryBytes"]) == (1024, 1024**3)
        await provider.update(world.deployment(annotations={"com.faas.capabilities": "NET_RAW"}))
        await world.until(lambda: capabilities(world) == 1 << 13)

    world.run(scenario)


def capabilities(world):
    """What the newest container may gain at most, as the kernel has it."""
    newest = max(world.client.containers.list(), key=lambda each: each.attrs["Created"])
    status = Path(f"/proc/{newest.attrs['State']['Pid']}/status").read_text()
    return int(re.search(r"CapBnd:\s*(\w+)", status)[1], 16)


def test_another_gateway_sees_the_same(world):
    """All state is in the Swarm."""

    async def scenario(provider):
        annotations = {"com.faas.timeout": "9s", "com.faas.expose": "internal"}
        await provider.deploy(world.deployment(annotations=annotations, labels={"a": "b"}))
        other = type(provider)(world.folder / "other")
        await other.start()
        try:
            assert await other.list("openfaas-fn") == await provider.list("openfaas-fn")
            (status,) = await other.list("openfaas-fn")
            assert (status.env_vars, status.labels) == ({"GREETING": "hi"}, {"a": "b", "faas_function": status.name})
            await other.scale(KEY, 2)
            await world.until(lambda: len(world.endpoints()) == 2)
            assert (world.routes[KEY].timeout, world.routes[KEY].internal) == (9, True)
            await other.delete(KEY)
            await world.until(lambda: KEY not in world.routes)
        finally:
            await other.close()

    world.run(scenario)


def test_an_update_fails_no_call(world):
    """The new version is ready before the old one stops, and the old one finishes its calls."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        await provider.scale(KEY, 2)
        await world.until(lambda: len(world.endpoints()) == 2)
        answers, failures, over = set(), [], asyncio.Event()

        async def client():
            while not over.is_set():
                try:
                    answers.add(await asyncio.to_thread(world.call))
                except Exception as err:
                    failures.append(err)

        clients = [asyncio.create_task(client()) for _ in range(4)]
        await provider.update(world.deployment(env_vars={"GREETING": "bye"}))
        await world.until(lambda: b"bye|x|" in answers)
        over.set()
        await asyncio.gather(*clients)
        assert failures == []
        assert answers == {b"hi|x|", b"bye|x|"}

    world.run(scenario)


def test_a_version_that_does_not_come_up_changes_nothing(world):
    """The Swarm rolls back, and the fault has the reason."""

    async def scenario(provider):
        with pytest.raises(StartFailed, match="does not start"):
            await provider.deploy(world.deployment(image=IMAGE.replace(":1", ":dead")))
        assert await provider.list("openfaas-fn") == []
        await provider.deploy(world.deployment())
        with pytest.raises(StartFailed, match="`fn` does not start"):
            await provider.update(world.deployment(image=IMAGE.replace(":1", ":dead")))
        assert world.call() == b"hi|x|"
        assert (await provider.get(KEY)).image == IMAGE

    world.run(scenario)


def test_what_no_swarm_can_do_is_refused(world):
    """Refused before anything is made; the error names the field."""

    async def scenario(provider):
        with pytest.raises(Invalid, match="no-such-image"):
            await provider.deploy(world.deployment(image="no-such-image:1"))
        with pytest.raises(Invalid, match="secret `none`"):
            await provider.deploy(world.deployment(secrets=["none"]))
        with pytest.raises(Invalid, match=r"limits\.memory"):
            await provider.deploy(world.deployment(limits=FunctionResources(memory="much")))
        with pytest.raises(Invalid, match="constraints"):
            await provider.deploy(world.deployment(constraints=["fast"]))
        with pytest.raises(Invalid, match="namespace"):
            await provider.deploy(world.deployment(namespace="elsewhere"))
        assert world.client.services.list() == []

    world.run(scenario)


def test_secrets_are_the_swarms(world):
    """At the usual path, in no environment; a new value reaches the function."""

    async def scenario(provider):
        secret = Secret(name="word", namespace="openfaas-fn", value="sesame")
        await provider.create_secret(secret)
        with pytest.raises(AlreadyExists):
            await provider.create_secret(secret)
        limits = FunctionResources(memory="64Mi", cpu="500m")
        await provider.deploy(world.deployment(secrets=["word"], read_only_root_filesystem=True, limits=limits))
        assert world.call() == b"hi|x|sesame"
        with pytest.raises(Invalid, match="in use"):
            await provider.delete_secret("word", "openfaas-fn")
        await provider.update_secret(Secret(name="word", namespace="openfaas-fn", value="open"))
        await world.until(lambda: world.call() == b"hi|x|open")
        assert [each.name for each in await provider.list_secrets("openfaas-fn")] == ["word"]
        assert b"open" not in str(world.client.services.list()[0].attrs).encode().replace(b"openfaas", b"")
        await provider.delete(KEY)
        await provider.delete_secret("word", "openfaas-fn")
        with pytest.raises(NotFound):
            await provider.update_secret(secret)

    world.run(scenario)
    assert world.client.secrets.list() == []


def test_namespaces_keep_functions_apart(world):
    """One name in two of them is two functions; a namespace is deleted with its functions."""

    async def scenario(provider):
        await provider.create_namespace(FunctionNamespace(name="dev", labels={"stage": "dev"}))
        with pytest.raises(AlreadyExists):
            await provider.create_namespace(FunctionNamespace(name="dev"))
        await provider.update_namespace(FunctionNamespace(name="dev", labels={"stage": "test"}))
        assert (await provider.get_namespace("dev")).labels == {"stage": "test"}
        await provider.deploy(world.deployment())
        await provider.deploy(world.deployment(namespace="dev", env_vars={"GREETING": "dev"}))
        assert await provider.list_namespaces() == ["openfaas-fn", "dev"]
        assert world.call(endpoint=world.routes[FunctionKey("fn", "dev")].endpoints[0]) == b"dev|x|"
        await provider.delete_namespace("dev")
        assert [status.namespace for status in await provider.list("openfaas-fn")] == ["openfaas-fn"]
        with pytest.raises(NotFound):
            await provider.get_namespace("dev")
        with pytest.raises(Invalid):
            await provider.delete_namespace("openfaas-fn")

    world.run(scenario)
    assert world.client.configs.list() == []


def test_logs_of_all_tasks(world):
    """History and new lines, each with its task."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        world.call()

        async def noted():
            lines = [message async for message in provider.logs(LogQuery(KEY, tail=20))]
            return [line for line in lines if "noted" in line.text]

        deadline = asyncio.get_running_loop().time() + 15
        while not (found := await noted()):
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)
        assert found[0].instance == world.endpoints()[0].instance
        stream = provider.logs(LogQuery(KEY, tail=0, follow=True))
        following = asyncio.create_task(anext(stream))
        while not following.done():
            await asyncio.to_thread(world.call)
            await asyncio.sleep(0.2)
        assert (await following).name == "fn"
        await stream.aclose()

    world.run(scenario)


def test_a_task_that_dies_is_replaced(world):
    """The Swarm replaces it; the route follows."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        (first,) = world.endpoints()
        world.client.containers.list()[0].kill()
        await world.until(lambda: world.endpoints() and world.endpoints()[0].instance != first.instance)
        assert world.call() == b"hi|x|"
        assert (await provider.health())["swarm"] == "ok"
        assert (await provider.info()).orchestration.startswith("swarm ")

    world.run(scenario)
