"""Settings of a deployment that have no effect with its gateway."""

from types import SimpleNamespace

import pytest

from faas_cli.deployment.unserved import unserved
from faas_cli.errors import FaasError, GatewayError
from faas_runtime.core.api import (
    FunctionDeployment,
    FunctionResources,
    GatewayInfo,
    MachineIsolation,
    ProviderInfo,
    VersionInfo,
)

VERSION = VersionInfo(release="1", sha="1")


def gateway(name, orchestration="any"):
    """A client of a gateway with this provider."""
    provider = ProviderInfo(provider=name, orchestration=orchestration, version=VERSION)
    return SimpleNamespace(info=lambda: GatewayInfo(provider=provider, version=VERSION))


def silent():
    """A gateway that does not answer."""
    raise GatewayError("no answer")


def keys(client, **settings):
    """The setting named in each sentence."""
    found = unserved(client, [FunctionDeployment(service="fn", image="fn", **settings)])
    assert all(sentence.startswith("`fn`: ") for sentence in found)
    return [sentence.split("`")[3] for sentence in found]


DEMANDS = {"limits": FunctionResources(memory="64Mi"), "constraints": ["a=b"], "read_only_root_filesystem": True}


@pytest.mark.parametrize(
    ("name", "orchestration", "expected"),
    [
        ("faas-process", "processes", ["limits.memory: 64Mi", "readonly_root_filesystem: true", "constraints: [a=b]"]),
        ("faas-docker", "Docker 27", ["constraints: [a=b]"]),
        ("faas-swarm", "Docker 27", []),
        ("faas-netes", "kubernetes", []),
    ],
)
def test_what_each_engine_enforces(name, orchestration, expected):
    assert keys(gateway(name, orchestration), **DEMANDS) == expected


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"topic": "orders"}, ["topic: orders"]),
        ({"topic": "orders, cron-function", "schedule": "@daily"}, ["topic: orders"]),
        ({"topic": "cron-function", "schedule": "@daily"}, []),
        ({"topic": "cron-function"}, ["topic: cron-function"]),
        ({"schedule": "@daily"}, ["schedule: @daily"]),
        ({"note": "b"}, []),
    ],
)
def test_annotations_that_nothing_serves(annotations, expected):
    assert keys(gateway("faas-docker"), annotations=annotations) == expected
    assert not keys(gateway("faas-swarm", "swarm"), annotations=annotations)


def test_memory_that_is_raised():
    """Docker's minimum is 6 MiB; other values, and values that are none, are not reported."""
    small = {"limits": FunctionResources(memory="4Mi"), "requests": FunctionResources(memory="5M")}
    for engine in ("faas-docker", "faas-swarm"):
        assert keys(gateway(engine), **small) == ["limits.memory: 4Mi", "requests.memory: 5M"]
    assert not keys(gateway("faas-netes"), **small)
    assert not keys(gateway("faas-docker"), limits=FunctionResources(memory="6Mi"))
    assert not keys(gateway("faas-docker"), limits=FunctionResources(memory="lots"))


def test_strict_refuses():
    """Every reason is in the error; a gateway that does not answer cannot be judged."""
    deployment = FunctionDeployment(service="fn", image="fn", **DEMANDS)
    with pytest.raises(FaasError, match=r"(?s)limits\.memory.*constraints"):
        unserved(gateway("faas-process"), [deployment], strict=True)
    assert unserved(SimpleNamespace(info=silent), [deployment]) == []
    with pytest.raises(GatewayError):
        unserved(SimpleNamespace(info=silent), [deployment], strict=True)


def test_the_gateway_is_not_asked_without_need():
    assert unserved(SimpleNamespace(info=silent), [FunctionDeployment(service="a", image="a")], strict=True) == []


@pytest.mark.parametrize(
    ("level", "wish", "annotations", "expected"),
    [
        ("namespaces", "standard", {}, []),
        ("landlock", "standard", {}, ["secrets"]),
        ("namespaces", "none", {}, ["secrets"]),
        ("namespaces", "standard", {"com.faas.isolation": "none"}, ["secrets"]),
    ],
)
def test_secrets_without_an_own_root(level, wish, annotations, expected):
    """They are elsewhere than where OpenFaaS has them, which a handler may rely on."""
    machine = MachineIsolation(wish=wish, level=level)
    provider = ProviderInfo(provider="faas-process", orchestration="processes", version=VERSION, isolation=machine)
    told = SimpleNamespace(info=lambda: GatewayInfo(provider=provider, version=VERSION))
    assert keys(told, secrets=["key"], annotations=annotations) == expected
    assert keys(told, annotations=annotations) == []
