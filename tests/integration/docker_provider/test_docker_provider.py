"""The Docker engine as a provider: real containers, looked at from outside, too."""

import asyncio
import contextlib
import time
import urllib.error
import urllib.request
import uuid

import pytest

from faas_runtime.api import FunctionDeployment, FunctionResources, Secret
from faas_runtime.errors import AlreadyExists, Invalid, NotFound, StartFailed
from faas_runtime.providers.base import FunctionKey, LogQuery, RouteRemoved
from faas_runtime.providers.docker import DockerProvider
from faas_runtime.providers.docker.spec import INSTANCE_LABEL

pytestmark = pytest.mark.integration

KEY = FunctionKey("fn", "openfaas-fn")


class World:
    """A provider, what it says about routing, and the engine from outside."""

    def __init__(self, client, image, folder):
        self.client, self.image, self.folder = client, image, folder
        self.instance = uuid.uuid4().hex[:8]
        self.network = f"faas-test-{self.instance}"
        self.routes = {}
        self.history = []

    async def open(self):
        self.provider = DockerProvider(self.folder, network=self.network, instance=self.instance)
        await self.provider.start()
        self._watching = asyncio.create_task(self._watch())
        return self.provider

    async def _watch(self):
        async for change in self.provider.watch():
            self.history.append(change)
            if isinstance(change, RouteRemoved):
                self.routes.pop(change.key, None)
            else:
                self.routes[change.key] = change

    async def close(self):
        self._watching.cancel()
        await self.provider.close()

    def deployment(self, **changes):
        values = {"service": "fn", "image": self.image, "namespace": "openfaas-fn", "env_vars": {"GREETING": "hi"}}
        return FunctionDeployment(**{**values, **changes})

    def containers(self, everything=False):
        filters = {"label": f"{INSTANCE_LABEL}={self.instance}"}
        return self.client.containers.list(all=everything, filters=filters, ignore_removed=True)

    def call(self, body=b"x", endpoint=None):
        endpoint = endpoint or self.routes[KEY].endpoints[0]
        url = f"http://{endpoint.host}:{endpoint.port}/"
        with urllib.request.urlopen(url, data=body, timeout=30) as answer:
            return answer.read()

    async def until(self, check, limit=20):
        deadline = time.monotonic() + limit
        while not check():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    def clean(self):
        for container in self.containers(everything=True):
            with contextlib.suppress(Exception):
                container.remove(force=True)
        for network in self.client.networks.list(names=[self.network]):
            network.remove()


@pytest.fixture
def world(client, image, tmp_path):
    made = World(client, image, tmp_path / "state")
    yield made
    made.clean()


def run(world, scenario):
    """Run a scenario with an open provider."""

    async def whole():
        await world.open()
        try:
            await scenario(world.provider)
        finally:
            await world.close()

    asyncio.run(whole())


def test_a_function_is_deployed_called_and_deleted(world):
    """One container, on loopback alone, with our labels; nothing of it stays."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        assert await asyncio.to_thread(world.call, b"you") == b"hi|you|"
        (container,) = world.containers()
        assert container.attrs["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
        assert "no-new-privileges" in container.attrs["HostConfig"]["SecurityOpt"]
        status = await provider.get(KEY)
        assert (status.replicas, status.available_replicas) == (1, 1)
        with pytest.raises(AlreadyExists):
            await provider.deploy(world.deployment())
        await provider.delete(KEY)
        assert KEY not in world.routes
        with pytest.raises(NotFound):
            await provider.get(KEY)
        await world.until(lambda: not world.containers(everything=True))

    run(world, scenario)


def test_limits_and_a_read_only_root(world):
    """What the deployment asks for is what the engine enforces."""

    async def scenario(provider):
        limits = FunctionResources(memory="64Mi", cpu="500m")
        await provider.deploy(world.deployment(limits=limits, read_only_root_filesystem=True))
        (container,) = world.containers()
        host = container.attrs["HostConfig"]
        assert (host["Memory"], host["NanoCpus"], host["ReadonlyRootfs"]) == (64 * 1024 * 1024, 500_000_000, True)
        assert "/tmp" in host["Tmpfs"]
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    run(world, scenario)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "127.0.0.1:1/nobody/has:this"}, "cannot be pulled"),
        ({"secrets": ["none"]}, "secret `none`"),
        ({"limits": FunctionResources(memory="lots")}, "limits.memory"),
        ({"namespace": "nowhere"}, "namespace `nowhere`"),
    ],
)
def test_what_cannot_be_deployed(world, changes, words):
    """Refused by field, nothing left behind."""

    async def scenario(provider):
        with pytest.raises(Invalid, match=words):
            await provider.deploy(world.deployment(**changes))
        assert world.containers(everything=True) == []
        assert await provider.list("openfaas-fn") == []

    run(world, scenario)


def test_a_container_that_ends_at_once(world):
    """Told at once, with its last lines; nothing is left behind."""

    async def scenario(provider):
        begun = time.monotonic()
        with pytest.raises(StartFailed, match="no reason to live"):
            await provider.deploy(world.deployment(image=world.image.replace(":1", ":dead")))
        assert time.monotonic() - begun < 2
        await world.until(lambda: not world.containers(everything=True))

    run(world, scenario)


def test_a_failed_update_leaves_the_old_version(world):
    """It goes on as it was."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        with pytest.raises(StartFailed):
            await provider.update(world.deployment(image=world.image.replace(":1", ":dead")))
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        assert len(world.containers()) == 1

    run(world, scenario)


def test_no_call_fails_while_versions_change(world):
    """The route always has a replica that answers; a call that runs is finished by the old one."""

    async def scenario(provider):
        await provider.deploy(world.deployment(env_vars={"GREETING": "v0", "PAUSE": "200ms"}))
        failures, seen, over = [], set(), asyncio.Event()

        async def caller():
            while not over.is_set():
                try:
                    seen.add((await asyncio.to_thread(world.call)).split(b"|")[0])
                except (OSError, urllib.error.URLError, IndexError) as err:
                    failures.append(err)

        callers = [asyncio.create_task(caller()) for _ in range(4)]
        for number in (1, 2):
            await provider.update(world.deployment(env_vars={"GREETING": f"v{number}", "PAUSE": "200ms"}))
            await asyncio.sleep(0.5)
        over.set()
        await asyncio.gather(*callers)
        assert failures == []
        assert {b"v0", b"v1", b"v2"} <= seen
        await world.until(lambda: len(world.containers()) == 1)

    run(world, scenario)


def test_scaling(world):
    """Up and down, and to nothing."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        await provider.scale(KEY, 3)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 3)
        assert len(world.containers()) == 3
        await provider.scale(KEY, 0)
        await world.until(lambda: world.routes[KEY].endpoints == ())
        await world.until(lambda: not world.containers(everything=True))
        await provider.scale(KEY, 1)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 1)
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    run(world, scenario)


def test_a_killed_container_is_replaced(world):
    """Noticed by the engine's events."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        (container,) = world.containers()
        container.kill()
        await world.until(lambda: any(not change.endpoints for change in world.history[1:]))
        await world.until(lambda: len(world.routes[KEY].endpoints) == 1)
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        assert [each.id for each in world.containers()] != [container.id]

    run(world, scenario)


def test_functions_are_found_again_after_a_restart(world):
    """The same containers: they have gone on all the time. One that died meanwhile is replaced."""

    async def first(provider):
        await provider.deploy(world.deployment())
        await provider.scale(KEY, 2)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 2)

    run(world, first)
    kept, lost = world.containers()
    lost.kill()
    world.routes.clear()

    async def second(provider):
        await world.until(lambda: KEY in world.routes and len(world.routes[KEY].endpoints) == 2)
        now = {container.id for container in world.containers()}
        assert kept.id in now
        assert lost.id not in now
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    run(world, second)


def test_containers_of_others_are_left_alone(world, client, image):
    """Even with labels that look like ours."""
    stranger = client.containers.run(
        image, detach=True, labels={INSTANCE_LABEL: "somebody-else", "io.faas.function": "fn"}
    )
    try:

        async def scenario(provider):
            await provider.deploy(world.deployment())
            await provider.delete(KEY)

        run(world, scenario)
        stranger.reload()
        assert stranger.status == "running"
    finally:
        stranger.remove(force=True)


def test_secrets_are_files_and_nothing_else(world):
    """Not in the environment, not in what the engine tells; a change is seen at once."""

    async def scenario(provider):
        await provider.create_secret(Secret(name="word", namespace="openfaas-fn", value="sesame"))
        await provider.deploy(world.deployment(secrets=["word"]))
        assert await asyncio.to_thread(world.call) == b"hi|x|sesame"
        (container,) = world.containers()
        assert "sesame" not in str(container.attrs)
        (mount,) = container.attrs["Mounts"]
        assert (mount["Destination"], mount["RW"]) == ("/var/openfaas/secrets", False)
        assert mount["Source"].startswith("/dev/shm/")
        await provider.update_secret(Secret(name="word", namespace="openfaas-fn", value="changed"))
        assert await asyncio.to_thread(world.call) == b"hi|x|changed"
        await provider.delete(KEY)

    run(world, scenario)


def test_logs(world):
    """What the function printed, with the container's name and time; following ends when nobody listens."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        await asyncio.to_thread(world.call)
        (name,) = [container.name for container in world.containers()]
        found = [line async for line in provider.logs(LogQuery(KEY))]
        assert any("noted" in line.text for line in found)
        assert {line.instance for line in found} == {name}
        assert all(line.timestamp.endswith("Z") for line in found)
        following = provider.logs(LogQuery(KEY, follow=True))
        noted = 0
        async with asyncio.timeout(10):
            async for line in following:
                noted += "noted" in line.text
                if noted == 1:
                    await asyncio.to_thread(world.call)
                if noted == 2:
                    break
        await following.aclose()

    run(world, scenario)


def test_an_engine_that_is_not_there(tmp_path, monkeypatch):
    """The address, and one sentence."""
    from faas_runtime.errors import Unavailable

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    async def scenario():
        with pytest.raises(Unavailable, match=r"no container engine answers at unix:///nowhere\.sock \(DOCKER_HOST\)"):
            await DockerProvider(tmp_path).start()

    asyncio.run(scenario())


def test_an_ill_container_is_replaced(world):
    """By the image's own health check."""
    image = world.image.replace(":1", ":ill")

    async def scenario(provider):
        await provider.deploy(world.deployment(image=image))
        first = world.routes[KEY].endpoints[0].instance
        await world.until(lambda: [each.instance for each in world.routes[KEY].endpoints] not in ([], [first]))
        await world.until(lambda: first not in [container.name for container in world.containers(everything=True)])

    run(world, scenario)


def test_a_container_that_keeps_ending(world):
    """Replaced again and again, more and more slowly, and told by `health`."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        seen = set()
        for _ in range(4):
            await world.until(lambda: any(each.id not in seen for each in world.containers()))
            await world.until(lambda: world.routes[KEY].endpoints)
            (container,) = world.containers()
            seen.add(container.id)
            container.kill()
            await world.until(lambda: not world.routes[KEY].endpoints)
        assert (await provider.health())[f"function {KEY}"] == "a replica ended (exit code 137)"
        await world.until(lambda: world.routes[KEY].endpoints)
        assert await provider.health() == {"docker": "ok"}

    run(world, scenario)


def test_what_is_deployed_while_it_is_being_deployed(world):
    """The second one is refused, whoever is faster."""

    async def scenario(provider):
        results = await asyncio.gather(*(provider.deploy(world.deployment()) for _ in range(3)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["AlreadyExists", "AlreadyExists", "NoneType"]
        assert len(world.containers()) == 1

    run(world, scenario)


def test_a_deployment_that_is_given_up(world):
    """The caller has gone: no container stays behind."""

    async def scenario(provider):
        deploying = asyncio.create_task(provider.deploy(world.deployment(image=world.image.replace(":1", ":mute"))))
        await world.until(world.containers)
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        await world.until(lambda: not world.containers(everything=True))
        assert await provider.list("openfaas-fn") == []

    run(world, scenario)


def test_a_killed_function_can_be_deleted(world):
    """What was about to be replaced is not."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        world.containers()[0].kill()
        await provider.delete(KEY)
        await world.until(lambda: not world.containers(everything=True))

    run(world, scenario)


def test_logs_follow_new_replicas(world):
    """Those of a new version too, until the function is deleted."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        lines = []

        async def follow():
            async for line in provider.logs(LogQuery(KEY, follow=True, tail=0)):
                lines.append(line)

        following = asyncio.create_task(follow())
        await asyncio.to_thread(world.call)
        await provider.update(world.deployment(env_vars={"GREETING": "new"}))
        await asyncio.to_thread(world.call)
        await world.until(lambda: sum("noted" in line.text for line in lines) == 2)
        assert len({line.instance for line in lines if "noted" in line.text}) == 2
        await provider.delete(KEY)
        await asyncio.wait_for(following, 20)

    run(world, scenario)


def test_the_last_lines_of_all_replicas(world):
    """In order of time, as many as were asked for."""

    async def scenario(provider):
        await provider.deploy(world.deployment(labels={"com.openfaas.scale.min": "2"}))
        assert len(world.routes[KEY].endpoints) == 2
        for _ in range(3):
            for endpoint in world.routes[KEY].endpoints:
                await asyncio.to_thread(world.call, b"x", endpoint)
        everything = [line async for line in provider.logs(LogQuery(KEY))]
        assert [line.timestamp for line in everything] == sorted(line.timestamp for line in everything)
        assert [line async for line in provider.logs(LogQuery(KEY, tail=3))] == everything[-3:]
        one = everything[-1].instance
        found = [line async for line in provider.logs(LogQuery(KEY, instance=one))]
        assert found == [line for line in everything if line.instance == one]

    run(world, scenario)


def test_usage_and_the_engine_by_name(world):
    """As the engine counts it, without making the caller wait for a second look."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        begun = time.monotonic()
        status = await provider.get(KEY)
        assert time.monotonic() - begun < 0.8
        assert status.usage.total_memory_bytes > 100_000
        assert (await provider.info()).orchestration == f"docker {world.client.version()['Version']}"

    run(world, scenario)


def test_a_network_with_a_longer_name_is_another_one(world):
    """The engine finds it, too, when asked for the shorter one."""
    longer = world.client.networks.create(f"{world.network}-more")
    try:

        async def scenario(provider):
            await provider.deploy(world.deployment())
            (container,) = world.containers()
            assert list(container.attrs["NetworkSettings"]["Networks"]) == [world.network]

        run(world, scenario)
    finally:
        longer.remove()
