"""The REST contract of an OpenFaaS gateway, seen from outside: what its clients depend on."""

import json
import re

import pytest

from tests.gateways import wait_for

OK = (200, 202)


def test_deploy_is_seen_at_once_in_list_and_status(target, function):
    given = {
        "envVars": {"LEVEL": "info"},
        "labels": {"canary": "true"},
        "annotations": {"topic": "uploads", "json": '{"a": [1, 2]}'},
        "limits": {"memory": "64Mi", "cpu": "100m"},
        "requests": {"memory": "16Mi", "cpu": "10m"},
    }
    name = function(**given)
    listed = {each["name"]: each for each in target.ask("GET", "/system/functions").json()}

    for status in (listed[name], target.status(name).json()):
        assert status["image"] == target.image
        assert status["envProcess"] == "cat"
        assert status["namespace"] == "openfaas-fn"
        assert {key: status[key] for key in ("envVars", "limits", "requests")} == {
            key: given[key] for key in ("envVars", "limits", "requests")
        }
        assert {**given["labels"], "faas_function": name}.items() <= status["labels"].items()
        assert given["annotations"].items() <= status["annotations"].items()
        assert (status["replicas"], status["availableReplicas"]) == (1, 1)
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", status["createdAt"])


def test_a_list_is_always_an_array(target):
    assert isinstance(target.ask("GET", "/system/functions").json(), list)
    assert isinstance(target.ask("GET", "/system/functions?namespace=openfaas-fn").json(), list)


def test_fields_may_be_null_in_any_case_or_unknown(target):
    body = {"Service": "tolerant", "IMAGE": target.image, "envProcess": "cat", "labels": None, "annotations": None}
    try:
        assert target.ask("POST", "/system/functions", {**body, "network": "func_functions"}).status in OK
        assert target.status("tolerant").json()["name"] == "tolerant"
    finally:
        target.delete("tolerant")


def test_put_of_an_unknown_function_is_404_and_then_post_works(target):
    """`faas-cli deploy` puts first and posts after a 404."""
    target.delete("putfirst")
    wait_for(lambda: target.status("putfirst").status == 404, 60)
    assert target.deploy("putfirst", method="PUT").status == 404
    try:
        assert target.deploy("putfirst").status in OK
        assert target.deploy("putfirst", method="PUT").status in OK
    finally:
        assert target.delete("putfirst").status in OK


def test_an_update_replaces_the_whole_specification(target, function):
    name = function(envVars={"A": "1"}, labels={"one": "1"}, annotations={"two": "2"})
    assert target.deploy(name, method="PUT", envVars={"B": "2"}).status in OK

    status = target.status(name).json()
    assert status["envVars"] == {"B": "2"}
    assert "one" not in (status.get("labels") or {})
    assert "two" not in (status.get("annotations") or {})


def test_a_second_deploy_of_one_name_is_refused(target, function):
    assert target.deploy(function()).status in (400, 409)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"service": 1}', b'{"service": ""}'])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_wrong_bodies_are_400(target, method, body):
    assert target.ask(method, "/system/functions", body).status == 400


def test_wrong_fields_are_400_with_a_reason(target):
    for wrong in (
        {"service": "Upper_Case!"},
        {"image": ""},
        {"secrets": ["no-such-secret"]},
        {"limits": {"memory": "lots"}},
    ):
        answer = target.deploy("wrong", **wrong)
        assert (answer.status, bool(answer.body)) == (400, True), wrong


def test_deleting_what_is_not_there_is_404(target):
    assert target.delete("never-was").status == 404


def test_deleting_without_a_name_is_400(target):
    assert target.ask("DELETE", "/system/functions", {"functionName": ""}).status == 400


def test_the_namespace_of_a_delete_may_be_in_the_query(target, function):
    name = function()
    answer = target.ask("DELETE", "/system/functions?namespace=openfaas-fn", {"functionName": name})

    assert answer.status in OK


def test_status_of_an_unknown_function_is_404(target):
    assert target.status("never-was").status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_query_path_and_header_reaches_the_function(target, function, method):
    function("env", envVars={"cgi_headers": "true"})
    answer = target.call("conformance.openfaas-fn/a/b?x=1&y=2", method=method, headers={"X-Custom": "kept"})

    assert answer.status == 200
    assert f"Http_Method={method}\n" in answer.text
    assert "Http_Query=x=1&y=2\n" in answer.text
    assert "Http_Path=/a/b\n" in answer.text
    assert "Http_X_Custom=kept\n" in answer.text


def test_calls_have_an_id_and_a_start_time(target, function):
    answer = target.call(function(), b"x")

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["X-Call-Id"])
    assert int(answer.headers["X-Start-Time"]) > 10**18
    assert float(answer.headers["X-Duration-Seconds"]) >= 0


def test_bodies_are_carried_unchanged(target, function):
    body = bytes(range(256)) * 4000

    assert target.call(function(), body).body == body


def test_a_functions_own_failure_is_passed_on(target, function):
    assert target.call(function("false")).status == 500


@pytest.mark.parametrize("name", ["never-was", "never-was.openfaas-fn", "never-was.nowhere", ".openfaas-fn"])
def test_calling_an_unknown_function_is_404(target, name):
    assert target.call(name).status == 404


def test_asynchronous_calls_are_accepted_with_an_id(target, function):
    answer = target.ask("POST", f"/async-function/{function()}", b"x")

    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["X-Call-Id"]
    assert answer.headers["X-Start-Time"]
    assert target.ask("GET", "/async-function/conformance").status == 405
    wrong = target.ask("POST", "/async-function/conformance", b"x", {"X-Callback-Url": "http://[::1"})
    assert wrong.status == 400


def test_scaling_changes_replicas_and_availability(target, function):
    name = function()
    assert target.ask("POST", f"/system/scale-function/{name}", {"serviceName": name, "replicas": 2}).status in OK
    target.wait_ready(name, 2)

    assert target.status(name).json()["replicas"] == 2


@pytest.mark.parametrize("replicas", [-1, 1.5, "2"])
def test_invalid_replicas_are_400(target, function, replicas):
    name = function()

    assert target.ask("POST", f"/system/scale-function/{name}", {"replicas": replicas}).status == 400


def test_a_function_scaled_to_zero_answers_the_next_call(target, function):
    name = function()
    assert target.ask("POST", f"/system/scale-function/{name}", {"serviceName": name, "replicas": 0}).status in OK
    assert target.status(name).json().get("replicas", 0) == 0

    assert target.call(name, b"awake").body == b"awake"


def test_scale_min_is_the_number_of_replicas_at_first(target, function):
    assert target.status(function(labels={"com.openfaas.scale.min": "2"})).json()["replicas"] == 2


def test_calls_are_counted(target, function):
    name = function()
    for _ in range(3):
        target.call(name)

    def count():
        listed = target.ask("GET", "/system/functions").json()
        return next(each for each in listed if each["name"] == name).get("invocationCount", 0)

    wait_for(lambda: count() >= 3, 30)


def test_info_has_no_empty_field(target):
    info = target.ask("GET", "/system/info").json()

    assert info["provider"]["provider"]
    assert info["provider"]["orchestration"]
    for version in (info["version"], info["provider"]["version"]):
        assert version["release"]
        assert version["sha"]


@pytest.mark.parametrize("value", [{"value": "text"}, {"value": "loses", "rawValue": "dGV4dA=="}])
def test_secrets_come_and_go_and_are_never_readable(target, value):
    target.ask("DELETE", "/system/secrets", {"name": "conformance"})
    assert target.ask("POST", "/system/secrets", {"name": "conformance", **value}).status in (200, 201, 202)
    try:
        assert target.ask("POST", "/system/secrets", {"name": "conformance", **value}).status == 409
        listed = target.ask("GET", "/system/secrets")
        assert {"name": "conformance", "namespace": "openfaas-fn"} in listed.json()
        assert "text" not in listed.text
        assert target.ask("PUT", "/system/secrets", {"name": "conformance", "value": "new"}).status in OK
    finally:
        assert target.ask("DELETE", "/system/secrets", {"name": "conformance"}).status in OK
    assert target.ask("DELETE", "/system/secrets", {"name": "conformance"}).status == 404
    assert target.ask("PUT", "/system/secrets", {"name": "conformance", "value": "x"}).status == 404


def test_a_function_finds_its_secret(target, function):
    target.ask("POST", "/system/secrets", {"name": "conformance", "value": "hush"})
    try:
        function("sh", secrets=["conformance"])
        script = b'cat "${secret_mount_path:-/var/openfaas/secrets}/conformance"'
        assert target.call("conformance", script).text == "hush"
    finally:
        target.delete("conformance")
        target.ask("DELETE", "/system/secrets", {"name": "conformance"})


def test_logs_are_json_lines_with_five_keys(target, function):
    name = function()
    target.call(name)

    def lines():
        answer = target.ask("GET", f"/system/logs?name={name}&tail=-1&follow=false")
        return [json.loads(line) for line in answer.body.splitlines()] if answer.status == 200 else []

    found = wait_for(lines, 30)
    assert {key for line in found for key in line} == {"name", "namespace", "instance", "timestamp", "text"}
    assert {line["name"] for line in found} == {name}


def test_the_default_namespace_is_listed_once(target):
    assert target.ask("GET", "/system/namespaces").json().count("openfaas-fn") == 1


def test_alerts_are_handled_even_for_functions_that_are_gone(target):
    alerts = [{"status": "firing", "labels": {"function_name": "never-was.openfaas-fn"}}]

    assert target.ask("POST", "/system/alert", {"status": "firing", "alerts": alerts}).status == 200
    assert target.ask("POST", "/system/alert", b"").status == 400


def test_health_is_open(target):
    assert target.ask("GET", "/healthz", auth=False).status == 200


@pytest.mark.parametrize(
    "path",
    ["/system/functions", "/system/function/x", "/system/info", "/system/secrets", "/system/logs?name=x", "/ui/"],
)
@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic d3Jvbmc6d3Jvbmc="}, {"Authorization": "Bearer "}])
def test_system_routes_ask_for_credentials(target, path, header):
    answer = target.ask("GET", path, headers=header, auth=False)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", "/system/functions", 405),
        ("GET", "/system/scale-function/x", 405),
        ("GET", "/system/functions/", 404),
        ("GET", "/system/namespace", 404),
        ("GET", "/nothing", 404),
        ("GET", "/metrics", 404),
    ],
)
def test_unknown_paths_and_methods(target, method, path, status):
    assert target.ask(method, path).status in (status, 401)


def test_home_leads_to_the_dashboard(target):
    answer = target.ask("GET", "/")

    assert (answer.status, answer.headers["Location"]) == (307, "/ui/")
