"""The arguments with which the engine creates containers."""

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.docker_api import check_deployment
from faas_runtime.providers.docker.spec import container_config, labels_of


def config(secrets="", **changes):
    deployment = FunctionDeployment(**{"service": "fn", "image": "fn:1", "namespace": "openfaas-fn", **changes})
    labels = labels_of(FunctionKey("fn", "openfaas-fn"), "v1", "here")
    return container_config(deployment, "sha256:1", labels, "faas", secrets)


def test_the_whole_configuration():
    """Published to loopback only, by digest, with our labels, without new privileges."""
    found = config()
    environment = found.pop("environment")
    assert environment["OPENFAAS_NAME"] == "fn"
    assert "fprocess" not in environment
    assert found == {
        "image": "sha256:1",
        "labels": {
            "io.faas.gateway": "here",
            "io.faas.function": "fn",
            "io.faas.namespace": "openfaas-fn",
            "io.faas.version": "v1",
        },
        "network": "faas",
        "ports": {"8080/tcp": ("127.0.0.1", None)},
        "read_only": False,
        "tmpfs": {},
        "volumes": {},
        "security_opt": ["no-new-privileges"],
        "init": False,
    }


def test_a_users_label_cannot_take_the_place_of_ours():
    """A function's labels cannot replace them."""
    labels = config(labels={"io.faas.gateway": "other", "team": "a"})["labels"]
    assert (labels["io.faas.gateway"], labels["team"]) == ("here", "a")


def test_environment():
    """The deployment's variables, its process, and its timeout for the watchdog."""
    found = config(
        env_process="cat",
        env_vars={"read_timeout": "20000ms", "fprocess": "env"},
        annotations={"com.faas.timeout": "20s"},
    )["environment"]
    assert found["fprocess"] == "cat"
    assert (found["read_timeout"], found["exec_timeout"]) == ("20s", "20s")


def test_resources():
    """Quantities in the engine's units."""
    found = config(
        limits=FunctionResources(memory="128Mi", cpu="1500m"), requests=FunctionResources(memory="64M", cpu="0.5")
    )
    assert (found["mem_limit"], found["nano_cpus"]) == (134217728, 1_500_000_000)
    assert (found["mem_reservation"], found["cpu_shares"]) == (64_000_000, 512)


def test_secrets_and_a_read_only_root():
    """Secrets are mounted read-only, and /tmp is in memory."""
    found = config(secrets="/dev/shm/x", read_only_root_filesystem=True)
    assert found["volumes"] == {"/dev/shm/x": {"bind": "/var/openfaas/secrets", "mode": "ro"}}
    assert found["read_only"]
    assert list(found["tmpfs"]) == ["/tmp"]


def test_memory_below_the_engines_minimum():
    """It is raised to 6Mi, as the engine would refuse less, and the log says so."""
    small = FunctionResources(memory="1Mi")
    found = config(limits=small, requests=small)
    assert (found["mem_limit"], found["mem_reservation"]) == (6 << 20, 6 << 20)
    check_deployment(FunctionDeployment(service="fn", image="fn:1", limits=small))


@pytest.mark.parametrize("memory", ["lots", "0"])
def test_memory_that_makes_no_sense(memory):
    """The error names the field, before an image is pulled."""
    deployment = FunctionDeployment(service="fn", image="fn:1", limits=FunctionResources(memory=memory))
    with pytest.raises(Invalid, match=r"limits\.memory"):
        check_deployment(deployment)
