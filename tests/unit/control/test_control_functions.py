"""The endpoints of functions."""

import pytest

from faas_runtime.core.errors import StartFailed, Unavailable, Unsupported
from faas_runtime.providers.base import FunctionKey

ECHO = {"service": "echo", "image": "echo:1"}


def test_list_and_status_count_calls_and_leave_zeros_out(client):
    """One function has the same count as in the list."""
    client.ask("POST", "/system/functions", ECHO)
    client.ask("POST", "/system/functions", {"service": "idle", "image": "i"})
    meter = client.metrics.meter(FunctionKey("echo", "openfaas-fn"))
    for _ in range(3):
        meter.begin()
        meter.end(200, 0.1)

    assert client.ask("GET", "/system/functions").json() == [
        {
            "name": "echo",
            "image": "echo:1",
            "namespace": "openfaas-fn",
            "invocationCount": 3.0,
            "createdAt": "2026-01-01T00:00:00Z",
        },
        {"name": "idle", "image": "i", "namespace": "openfaas-fn", "createdAt": "2026-01-01T00:00:00Z"},
    ]
    assert client.ask("GET", "/system/function/echo").json()["invocationCount"] == 3.0
    assert "invocationCount" not in client.ask("GET", "/system/function/idle").json()


def test_keys_in_any_case_nulls_and_unknown_keys_are_tolerated(client):
    body = {"SERVICE": "echo", "Image": "echo:1", "labels": None, "limits": None, "EnvVars": {"A": "b"}, "network": "x"}

    assert client.ask("POST", "/system/functions", body).status == 202


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is not valid JSON"),
        (b"\xff", "the body is not valid JSON"),
        (b"[" * 100_000, "the body is not valid JSON"),
        ([], "the body is not a JSON object"),
        ({"image": "x"}, "service"),
        ({"service": "", "image": "x"}, "field `service` is missing"),
        ({"service": "-a", "image": "x"}, "field `service`"),
        ({"service": "a" * 64, "image": "x"}, "longer than 63"),
        ({"service": "a.b", "image": "x"}, "field `service`"),
        ({"service": "a", "image": "two words"}, "field `image`"),
        ({"service": "a", "image": "x", "namespace": "A"}, "field `namespace`"),
        ({"service": "a", "image": "x", "envVars": {"A=B": "c"}}, "field `envVars`"),
        ({"service": "a", "image": "x", "envVars": {"A": 1}}, "field `envVars[...]`"),
        ({"service": "a", "image": "x", "envProcess": "\0"}, "field `envProcess`"),
        ({"service": "a", "image": "x", "labels": {"a b": "c"}}, "field `labels`"),
        ({"service": "a", "image": "x", "annotations": {"": "c"}}, "field `annotations`"),
        ({"service": "a", "image": "x", "secrets": ["../x"]}, "field `secrets`"),
        ({"service": "a", "image": "x", "limits": "1Gi"}, "field `limits`"),
        ({"service": "a", "image": "x", "limits": {"Memory": 5}}, "field `limits.memory`"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_wrong_bodies_are_refused_by_field(client, method, body, words):
    answer = client.ask(method, "/system/functions", body)

    assert (answer.status, words in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    ("fault", "status"), [(StartFailed("no"), 400), (Unsupported("no"), 501), (Unavailable("no"), 503)]
)
def test_faults_have_their_status(client, provider, fault, status):
    provider.fault = fault

    answer = client.ask("POST", "/system/functions", ECHO)
    assert (answer.status, answer.text, answer.headers["content-type"]) == (status, "no", "text/plain; charset=utf-8")


def test_a_bug_is_a_500_that_tells_nothing(client, provider):
    provider.fault = RuntimeError("the password is x")

    with pytest.raises(RuntimeError):  # the server logs it
        client.ask("POST", "/system/functions", ECHO)


def test_create_update_delete(client):
    assert client.ask("PUT", "/system/functions", ECHO).status == 404
    created = client.ask("POST", "/system/functions", ECHO)
    assert (created.status, created.body) == (202, b"")
    assert client.ask("POST", "/system/functions", ECHO).status == 409
    assert client.ask("PUT", "/system/functions", ECHO).status == 202
    assert client.ask("DELETE", "/system/functions", {"functionName": "echo"}).status == 202
    assert client.ask("DELETE", "/system/functions", {"functionName": "echo"}).status == 404
    assert client.ask("DELETE", "/system/functions", {"functionName": ""}).status == 400


def test_the_namespace_may_be_in_the_query_or_the_body(client):
    client.ask("POST", "/system/functions", {**ECHO, "namespace": "dev"})

    assert client.ask("GET", "/system/function/echo").status == 404
    assert client.ask("GET", "/system/function/echo?namespace=dev&usage=1").status == 200
    assert client.ask("POST", "/system/scale-function/echo", {"replicas": 2, "namespace": "dev"}).status == 202
    assert client.ask("POST", "/system/scale-function/echo?namespace=dev", {"replicas": 0}).status == 202
    assert client.ask("DELETE", "/system/functions?namespace=dev", {"functionName": "echo"}).status == 202


@pytest.mark.parametrize("replicas", [-1, 1.5, "2", None, 1001])
def test_invalid_numbers_of_replicas(client, replicas):
    client.ask("POST", "/system/functions", ECHO)

    assert client.ask("POST", "/system/scale-function/echo", {"replicas": replicas}).status == 400
