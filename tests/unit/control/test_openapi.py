"""The description of the API says what there is; bodies of any kind never break it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faas_runtime.gateway.control.app import ROUTES

OUTSIDE = {"/", "/ui/{path:path}", "/openapi.json", "/async-function/{name}/{rest:any}"}
CHANGING = [(method, path) for path, methods in ROUTES.items() for method in methods if method != "GET"]


def test_every_route_is_described_and_nothing_else(client):
    described = client.ask("GET", "/openapi.json").json()
    served = {
        (path.replace(":any", ""), method.lower())
        for path, methods in ROUTES.items()
        for method in methods
        if path not in OUTSIDE
    }

    assert described["openapi"] == "3.1.0"
    assert {(path, method) for path, found in described["paths"].items() for method in found} == served


def test_every_reference_leads_somewhere(client):
    text = client.ask("GET", "/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]

    for part in text.split('"$ref":"')[1:]:
        assert part.split('"')[0].removeprefix("#/components/schemas/") in schemas


KEYS = st.sampled_from(
    "service image labels annotations limits envVars secrets namespace replicas name functionName value rawValue "
    "alerts callIds version memory function_name status".split()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize(("method", "path"), CHANGING, ids=lambda value: value)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=BODIES, name=st.sampled_from(["echo", "", "..", "%00", "a" * 300]))
def test_no_body_is_a_500(client, method, path, body, name):
    target = path
    for placeholder in ("{name}", "{name:any}", "{rest:any}", "{call_id}"):
        target = target.replace(placeholder, name)

    # 501: this control API has neither a queue nor versions.
    assert client.ask(method, target, body).status in {*range(200, 500), 501}


OPEN = {"/", "/healthz", "/async-function/{name}", "/async-function/{name}/{rest:any}"}
CLOSED = [(method, path) for path, methods in ROUTES.items() for method in methods if path not in OPEN]


@pytest.mark.parametrize(("method", "path"), CLOSED, ids=lambda value: value)
def test_the_anonymous_get_only_health_and_functions(guarded, provider, method, path):
    """Not a list, not a secret, not a change, whatever the body says."""
    provider.secrets["token", "openfaas-fn"] = "kept"
    for placeholder in ("{name}", "{name:any}", "{rest:any}", "{call_id}", "{path:path}"):
        path = path.replace(placeholder, "echo")
    for user in (None, "admin:guess"):
        answer = guarded.ask(method, path, {"service": "echo", "name": "token", "image": "x", "value": "v"}, user=user)
        assert (answer.status, answer.text) == (401, "invalid credentials")
    assert provider.secrets == {("token", "openfaas-fn"): "kept"}
    assert provider.functions == {}


def test_secrets_are_among_what_is_closed():
    """Each way to see or change one."""
    assert {method for method, path in CLOSED if path == "/system/secrets"} == {"GET", "POST", "PUT", "DELETE"}
