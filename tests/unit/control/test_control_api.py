"""The other endpoints, credentials and unknown paths."""

import json

import pytest

from faas_runtime.core.errors import Unavailable
from faas_runtime.gateway.auth.failures import FailureCounter
from faas_runtime.providers.base import FunctionKey, RouteUpdate


def test_info_is_complete_even_without_a_provider(client, provider):
    provider.fault = Unavailable("down")
    found = client.ask("GET", "/system/info").json()

    assert found["provider"]["provider"] == "unknown"
    assert found["version"]["release"]
    assert found["arch"]


def test_health_names_the_loop_that_stopped(client):
    assert client.ask("GET", "/healthz").status == 200

    client.problems = {"routing": "stopped: boom"}
    answer = client.ask("GET", "/healthz")
    assert (answer.status, answer.text) == (503, "routing: stopped: boom")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/system/functions", 405),
        ("POST", "/system/info", 405),
        ("GET", "/system/scale-function/echo", 405),
        ("GET", "/system/functions/", 404),
        ("GET", "/system/namespace", 404),
        ("GET", "/metrics", 404),
        ("GET", "/system/nothing", 404),
        ("GET", "/system/telemetry", 404),
    ],
)
def test_unknown_paths_and_methods(client, method, path, status):
    answer = client.ask(method, path)

    assert answer.status == status
    assert bool(answer.body) == (status == 404)


@pytest.mark.parametrize("user", ["admin:pa:ss", "ops:word"])
def test_an_account_with_its_password_may_enter(guarded, user):
    assert guarded.ask("GET", "/system/functions", user=user).status == 200


@pytest.mark.parametrize("user", [None, "admin:", "admin:word", "ops:pa:ss", ":", "admin:pa:ss "])
@pytest.mark.parametrize("path", ["/system/functions", "/system/info", "/system/nothing", "/ui/"])
def test_everybody_else_is_refused(guarded, user, path):
    answer = guarded.ask("GET", path, user=user)

    assert (answer.status, answer.text) == (401, "invalid credentials")
    assert answer.headers["www-authenticate"] == 'Basic realm="Restricted"'


def test_health_is_open(guarded):
    assert guarded.ask("GET", "/healthz").status == 200


def test_logs_are_json_lines(client, provider):
    client.ask("POST", "/system/functions", {"service": "echo", "image": "x"})
    answer = client.ask("GET", "/system/logs?name=echo&tail=5&follow=1&since=2026-02-03T10:11:12Z&instance=i")

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["text"] for line in answer.body.splitlines()] == ["hi"]
    query = provider.queries[0]
    assert (query.tail, query.follow, query.instance) == (5, True, "i")
    assert query.since.isoformat() == "2026-02-03T10:11:12+00:00"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "A", ".hidden"])
def test_secret_names_are_checked(client, provider, name):
    assert client.ask("POST", "/system/secrets", {"name": name, "value": "x"}).status == 400
    assert provider.secrets == {}


def test_namespaces_take_their_name_from_path_or_body(client, provider):
    assert client.ask("POST", "/system/namespace/", {"name": "dev", "labels": {"openfaas": "1"}}).status == 201
    assert provider.namespace.name == "dev"
    assert client.ask("POST", "/system/namespace/dev", {"name": "other"}).status == 400
    assert client.ask("POST", "/system/namespace/", {}).status == 400


def test_whoever_guesses_passwords_has_to_wait(guarded):
    there = [("x-forwarded-for", "10.0.0.1, 10.0.0.9")]
    for _ in range(20):
        assert guarded.ask("GET", "/system/info", user="admin:guess", headers=there).status == 401

    waiting = guarded.ask("GET", "/system/info", user="admin:pa:ss", headers=there)
    assert (waiting.status, waiting.headers["retry-after"]) == (429, "60")
    assert guarded.ask("GET", "/system/info", headers=there).status == 401
    assert (
        guarded.ask("GET", "/system/info", user="admin:pa:ss", headers=[("x-forwarded-for", "10.0.0.2")]).status == 200
    )


def test_waiting_ends():
    now = 100.0
    counter = FailureCounter(lambda: now)
    for _ in range(20):
        counter.count("a")
    assert counter.is_blocked("a")
    now = 161.0
    assert not counter.is_blocked("a")


def test_another_counter_is_told_who_waits_and_how_long():
    now, heard = 100.0, []
    ours, theirs = FailureCounter(lambda: now), FailureCounter(lambda: now)
    ours.subscribe(heard.append)
    for _ in range(20):
        ours.count("a")
    ours.count("b")
    assert heard == ["a"] * 20 + ["b"]

    now = 130.0
    assert ours.blocked() == {"a": 30.0}
    for address, seconds in ours.blocked().items():
        theirs.block(address, seconds)
    assert (theirs.blocked_seconds("a"), theirs.blocked_seconds("b")) == (30.0, 0.0)
    now = 160.5
    assert ours.blocked() == theirs.blocked() == {}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("sec-fetch-site", "cross-site")], 403),
        ([("sec-fetch-site", "same-site")], 403),
        ([("origin", "https://evil.example")], 403),
        ([("origin", "null")], 403),
        ([("sec-fetch-site", "same-origin"), ("origin", "http://gateway")], 400),
        ([("origin", "http://gateway")], 400),
        ([], 400),
    ],
)
def test_pages_of_other_sites_change_nothing(client, headers, status):
    assert client.ask("POST", "/system/functions", b"{", headers=headers).status == status


def test_the_dashboard_is_served_with_a_strict_policy(client):
    page = client.ask("GET", "/ui/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert client.ask("GET", "/ui/app.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.ask("GET", "/ui/../app.py").status == 404
    assert client.ask("GET", "/ui").status == 404
    home = client.ask("GET", "/")
    assert (home.status, home.headers["location"]) == (307, "/ui/")


def test_counters_are_shown_for_every_routed_function(client):
    key = FunctionKey("echo", "openfaas-fn")
    client.routes.apply(RouteUpdate(key=key, endpoints=(), replicas=2))
    meter = client.metrics.meter(key)
    meter.begin()
    meter.begin()
    meter.end(502, 0.5)

    assert client.ask("GET", "/system/stats").json() == [
        {
            "name": "echo",
            "namespace": "openfaas-fn",
            "replicas": 2,
            "availableReplicas": 0,
            "started": 2,
            "inFlight": 1,
            "codes": {"502": 1},
            "seconds": 0.5,
        }
    ]
