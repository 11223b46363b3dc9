"""Where a gateway and a namespace come from: the flag, else the stack file, else the environment, else the default."""

import contextlib
import itertools

import pytest

from .recorder import recording

SOURCES = ("flag", "file", "environment")
GIVEN = [chosen for size in range(1, 4) for chosen in itertools.combinations(SOURCES, size)]


@pytest.fixture(scope="module")
def gateways():
    """A gateway for each source of an address."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(recording()) for name in SOURCES}


def stack(gateway="", namespace=""):
    """A stack file that may name a gateway and a namespace."""
    return (
        "provider:\n  name: openfaas\n"
        + (f"  gateway: {gateway}\n" if gateway else "")
        + "functions:\n  fn:\n    image: acme/fn:1\n    skip_build: true\n"
        + (f"    namespace: {namespace}\n" if namespace else "")
    )


@pytest.mark.parametrize("given", GIVEN, ids="-".join)
def test_the_gateway(client, gateways, given):
    """The first source that names one is asked, and no other."""
    for recorder in gateways.values():
        recorder.requests.clear()
        recorder.answers["GET /system/functions"] = (200, [])
    url = {name: gateways[name].url for name in given}
    client.write("stack.yml", stack(gateway=url.get("file", "")))
    client.env.pop("OPENFAAS_URL")
    if "environment" in given:
        client.env["OPENFAAS_URL"] = url["environment"]
    client.run("remove", "-f", "stack.yml", *(["--gateway", url["flag"]] if "flag" in given else []))
    asked = [name for name in SOURCES if gateways[name].requests]
    assert asked == [next(name for name in SOURCES if name in given)]


@pytest.mark.parametrize("given", [(), *GIVEN], ids=lambda given: "-".join(given) or "none")
def test_the_namespace(client, given):
    """The deployment names the first source's, or none at all."""
    client.write("stack.yml", stack(namespace="from-file" if "file" in given else ""))
    client.env["OPENFAAS_NS"] = "from-environment" if "environment" in given else ""
    client.run("deploy", "-f", "stack.yml", *(["--namespace", "from-flag"] if "flag" in given else []))
    (deployed,) = [each for each in client.gateway.requests if each.target.startswith("/system/functions")]
    expected = next((f"from-{name}" for name in SOURCES if name in given), "")
    assert deployed.json.get("namespace", "") == expected
