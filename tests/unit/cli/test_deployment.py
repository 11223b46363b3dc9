"""From a stack file's function to what the gateway is sent."""

import pytest

from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.errors import FaasError, UsageError
from faas_cli.stack.model import Function


def deployment(flags=None, **keys):
    return deployment_of(Function(name="fn", image="fn:1", **keys), flags or DeployOptions())


def test_our_own_keys_become_annotations():
    """Other tools ignore them; what is written as an annotation wins."""
    found = deployment(timeout="30s", expose="internal", concurrency=4, annotations={"com.faas.expose": "public"})
    assert found.annotations == {
        "com.faas.timeout": "30s", "com.faas.expose": "public", "com.faas.concurrency": "4"
    }  # fmt: skip


def test_the_same_said_twice_is_no_contradiction():
    """However it is spelt."""
    found = deployment(timeout="90s", concurrency=2, environment={"exec_timeout": "1m30s", "max_inflight": "2"})
    assert found.env_vars == {"exec_timeout": "1m30s", "max_inflight": "2"}


@pytest.mark.parametrize(
    ("keys", "variable"),
    [
        ({"timeout": "90s"}, {"exec_timeout": "10s"}),
        ({"timeout": "90s"}, {"write_timeout": "soon"}),
        ({"concurrency": 4}, {"max_inflight": "1"}),
    ],
)
def test_contradictions_are_refused(keys, variable):
    """Both settings are named, and which to remove, wherever the variable comes from."""
    ((name, value),) = variable.items()
    ((key, wanted),) = keys.items()
    for given in ({"environment": variable}, {"flags": DeployOptions(environment=variable)}):
        with pytest.raises(UsageError) as caught:
            deployment(**given, **keys)
        assert f"`fn`: `{key}: {wanted}` and the variable `{name}: {value}` contradict each other" in str(caught.value)
        assert f"remove `{name}`" in caught.value.hint


@pytest.mark.parametrize(("written", "sent"), [("120", "120s"), ("1.5", "1.5s"), ("2m", "2m")])
def test_a_timeout_without_a_unit_is_in_seconds(written, sent):
    """As the watchdog's variables are; existing stack files have it."""
    assert deployment(timeout=written).annotations == {"com.faas.timeout": sent}


def test_an_environment_file_that_is_missing():
    """The function, the key and the file are named."""
    with pytest.raises(FaasError, match=r"`fn`: `environment_file`: nope.yml: does not exist"):
        deployment(environment_file=["nope.yml"])


def test_an_empty_secret_is_none():
    """A list item without a name, as a trailing `- `."""
    assert deployment(secrets=["", "b"]).secrets == ["b"]
