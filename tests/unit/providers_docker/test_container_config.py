"""The arguments with which the engine creates containers."""

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.container_rights import advice, loosened, rights_of
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.docker_api import check_deployment
from faas_runtime.providers.docker.spec import container_config, labels_of


def config(secrets="", image_labels=None, **changes):
    deployment = FunctionDeployment(**{"service": "fn", "image": "fn:1", "namespace": "openfaas-fn", **changes})
    labels = labels_of(FunctionKey("fn", "openfaas-fn"), "v1", "here")
    return container_config(deployment, "sha256:1", labels, "faas", secrets, rights_of(deployment, image_labels))


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
        "cap_drop": ["ALL"],
        "cap_add": [],
        "security_opt": ["no-new-privileges"],
        "pids_limit": 1024,
        "mem_limit": 1024**3,
        "init": False,
    }


def test_what_annotations_allow():
    """Each loosens one thing, and only that."""
    strict = config()
    for annotations, expected in (
        ({"com.faas.capabilities": "chown, CAP_SETUID"}, {"cap_add": ["CHOWN", "SETUID"]}),
        ({"com.faas.new-privileges": "allow"}, {"security_opt": []}),
        ({"com.faas.pids": "4096"}, {"pids_limit": 4096}),
    ):
        assert config(annotations=annotations) == {**strict, **expected}
    assert "pids_limit" not in config(annotations={"com.faas.pids": "unlimited"})
    assert "mem_limit" not in config(annotations={"com.faas.memory": "unlimited"})


def test_the_root_of_our_images():
    """It is read-only by the image's label, unless the function says otherwise."""
    label = {"io.faas.read-only-root": "true"}
    assert config(image_labels=label)["read_only"]
    assert list(config(image_labels=label)["tmpfs"]) == ["/tmp"]
    assert not config(image_labels=label, annotations={"com.faas.root": "writable"})["read_only"]
    # What the stack file says holds against the annotation.
    assert config(read_only_root_filesystem=True, annotations={"com.faas.root": "writable"})["read_only"]


@pytest.mark.parametrize(
    "annotations",
    [
        {"com.faas.capabilities": "ALL"},
        {"com.faas.capabilities": "net raw"},
        {"com.faas.new-privileges": "true"},
        {"com.faas.pids": "0"},
        {"com.faas.pids": "many"},
        {"com.faas.memory": "2Gi"},
        {"com.faas.root": "read-only"},
    ],
)
def test_what_is_not_understood_is_refused(annotations):
    """A misspelt annotation neither loosens nor is ignored; the error names it."""
    deployment = FunctionDeployment(service="fn", image="fn:1", annotations=annotations)
    with pytest.raises(Invalid, match=next(iter(annotations))):
        check_deployment(deployment)
    assert loosened(deployment) == []


def test_the_default_limit_does_not_contradict_a_request():
    """A request above the default raises the limit."""
    found = config(requests=FunctionResources(memory="2Gi"))
    assert found["mem_limit"] == found["mem_reservation"] == 2 * 1024**3


def test_what_is_loosened_is_named():
    """Every annotation that allows more than the default; a stricter one does not."""
    annotations = {"com.faas.pids": "10", "com.faas.capabilities": "CHOWN", "com.faas.root": "writable"}
    deployment = FunctionDeployment(service="fn", image="fn:1", annotations=annotations)
    assert loosened(deployment) == ["com.faas.capabilities: CHOWN", "com.faas.root: writable"]


@pytest.mark.parametrize(("output", "named"), [("chown: Operation not permitted", True), ("no reason to live", False)])
def test_advice_after_a_refusal(output, named):
    """Only output that speaks of a refusal is answered with the annotations."""
    assert ("com.faas.capabilities" in advice(output)) == named


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
