"""From a deployment and an image to the spec of its replicas."""

from pathlib import Path

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.images.store import ImageInfo
from faas_runtime.providers.common.annotations import call_timeout, initial_replicas, is_internal
from faas_runtime.providers.process.spec import build_spec, refuse_more_than_one

ROOTFS = Path("/state/rootfs/abc")


def image(env=None, labels=None, working_dir="/home/app"):
    return ImageInfo(
        digest="sha256:abc",
        env={"fprocess": "./handler"} if env is None else env,
        working_dir=working_dir,
        entrypoint=(),
        cmd=(),
        labels=labels or {},
        architecture="amd64",
        annotations={},
    )


def spec(found=None, secrets=None, **more):
    deployment = FunctionDeployment(service="hi", image="hi:1", namespace="openfaas-fn", **more)
    return build_spec(deployment, found or image(), ROOTFS, secrets or {})


def test_a_process_is_started_where_the_image_says():
    assert spec().working_dir == ROOTFS / "home/app"
    assert spec(image(working_dir="/../../etc")).working_dir == ROOTFS / "etc"


def test_the_deployment_wins_over_the_image():
    """The deployment's variables and process replace those of the image."""
    found = image(env={"fprocess": "./handler", "LEVEL": "info", "OTHER": "1"})
    environment = spec(found, env_vars={"LEVEL": "debug", "fprocess": "cat"}, env_process="wc").environment

    assert (environment["LEVEL"], environment["OTHER"], environment["fprocess"]) == ("debug", "1", "wc")


def test_the_environment_of_the_gateway_stays_out(monkeypatch):
    monkeypatch.setenv("AWS_SECRET", "no")

    assert "AWS_SECRET" not in spec().environment


def test_an_image_without_a_process_is_refused():
    with pytest.raises(Invalid, match="`hi:1` names no process"):
        spec(image(env={}))


def test_a_timeout_limits_the_call_and_the_watchdog():
    annotations = {"com.faas.timeout": "2m"}
    environment = spec(annotations=annotations, env_vars={"read_timeout": "120s"}).environment

    assert call_timeout(FunctionDeployment(service="a", image="a", annotations=annotations)) == 120
    assert (environment["exec_timeout"], environment["read_timeout"]) == ("2m", "2m")


def test_an_http_image_says_where_its_port_goes():
    http = {"fprocess": "./handler", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}

    free = spec(image(http, {"io.faas.upstream-port-env": "PORT"}))
    assert free.port_variable == "PORT"
    refuse_more_than_one(free, 5)

    fixed = spec(image(http))
    refuse_more_than_one(fixed, 1)
    with pytest.raises(Invalid, match="`hi` cannot have 2 replicas"):
        refuse_more_than_one(fixed, 2)


@pytest.mark.parametrize(("label", "count"), [("3", 3), ("0", 1), ("1", 1)])
def test_initial_replicas(label, count):
    assert (
        initial_replicas(FunctionDeployment(service="a", image="a", labels={"com.openfaas.scale.min": label})) == count
    )


@pytest.mark.parametrize("label", ["", "x", "-1", "1.5", "99999"])
def test_invalid_initial_replicas(label):
    with pytest.raises(Invalid, match=r"com\.openfaas\.scale\.min"):
        initial_replicas(FunctionDeployment(service="a", image="a", labels={"com.openfaas.scale.min": label}))


def test_internal_functions():
    assert is_internal(FunctionDeployment(service="a", image="a", annotations={"com.faas.expose": "internal"}))
    assert not is_internal(FunctionDeployment(service="a", image="a"))


def test_secrets_never_show_in_a_spec():
    assert "hush" not in repr(spec(secrets={"key": b"hush"}))
