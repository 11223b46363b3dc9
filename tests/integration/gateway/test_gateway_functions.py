"""Functions as processes of this machine, through the REST API."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"


def test_a_function_is_deployed_called_and_deleted(gateway):
    assert gateway.deploy("echo", labels=None, annotations={}).status == 202
    assert gateway.call("echo", b"test\x00\xff").body == b"test\x00\xff"
    assert gateway.call("echo.openfaas-fn", b"x").body == b"x"

    listed = gateway.ask("GET", "/system/functions").json()
    assert [(each["name"], each["replicas"], each["invocationCount"]) for each in listed] == [("echo", 1, 2)]

    assert gateway.delete("echo").status == 202
    assert gateway.ask("GET", "/system/functions").json() == []
    assert gateway.call("echo").status == 404
    assert gateway.delete("echo").status == 404


def test_status_shows_what_was_deployed(gateway):
    given = {
        "envProcess": "cat",
        "envVars": {"LEVEL": "info"},
        "labels": {"canary": "true"},
        "annotations": {"topic": "uploads"},
        "limits": {"memory": "128Mi", "cpu": "100m"},
        "requests": {"memory": "5Mi"},
    }
    gateway.deploy("echo", **given)

    status = gateway.status("echo")
    assert status.pop("createdAt").endswith("Z")
    assert status.pop("isolation").keys() >= {"wish", "level", "network"}
    assert status == {
        "name": "echo",
        "image": "echo",
        "namespace": "openfaas-fn",
        "replicas": 1,
        "availableReplicas": 1,
        **given,
        "labels": {"canary": "true", "faas_function": "echo"},
    }


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"service": "echo", "image": "nope"}, 400, "image `nope` is not in the local store"),
        ({"service": "echo", "image": "nope"}, 400, "only Docker has, `faas gateway start --engine docker`"),
        ({"service": "Echo_1", "image": "echo"}, 400, "field `service`"),
        ({"service": "echo", "image": ""}, 400, "field `image` is missing"),
        ({"service": "echo", "image": "echo", "secrets": ["none"]}, 400, "secret `none` does not exist"),
        ({"service": "echo", "image": "echo", "limits": {"memory": "lots"}}, 400, "field `limits.memory`"),
        ({"service": "echo", "image": "echo", "labels": {"com.openfaas.scale.min": "x"}}, 400, "scale.min"),
        ({"service": "echo", "image": "echo", "annotations": {"com.faas.timeout": "soon"}}, 400, "com.faas.timeout"),
        ({"service": "echo", "image": "echo", "namespace": "other"}, 400, "namespace `other` does not exist"),
        ({"service": 7, "image": "echo"}, 400, "field `service`: expected `str`, got `int`"),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_field(gateway, body, status, words):
    """Nothing is left behind."""
    answer = gateway.ask("POST", "/system/functions", body)

    assert (answer.status, words in answer.text) == (status, True), answer
    assert gateway.ask("GET", "/system/functions").json() == []


def test_a_process_that_ends_is_told_with_its_last_words(gateway):
    answer = gateway.deploy("server", "server", envVars={"PORT": "ignored"}, envProcess="ls /nowhere")

    assert answer.status == 400
    assert "`server` ended before it was ready" in answer.text
    assert "/nowhere" in answer.text
    assert gateway.ask("GET", "/system/function/server").status == 404


def test_deploying_twice_is_a_conflict_and_updating_nothing_is_not_found(gateway):
    gateway.deploy("echo")

    assert gateway.deploy("echo").status == 409
    assert gateway.update("other").status == 404


def test_a_failed_update_leaves_the_old_version(gateway):
    gateway.deploy("server", "server")
    before = gateway.status("server")

    assert gateway.update("server", "server", envProcess="false").status == 400

    assert gateway.status("server") == before
    assert gateway.call("server", b"x").text.startswith("hello x")


def test_no_call_fails_while_versions_change(gateway, wait_for):
    """Four clients call as fast as they can through five updates and changes of scale."""
    gateway.deploy("server", "server", envVars={"GREETING": "v0"})
    failures, seen, over = [], set(), threading.Event()

    def client():
        while not over.is_set():
            try:
                answer = gateway.call("server", b"x")
                seen.add(answer.text.split()[0])
                if answer.status != 200:
                    failures.append(answer)
            except OSError as err:
                failures.append(err)

    clients = [threading.Thread(target=client) for _ in range(4)]
    for each in clients:
        each.start()
    try:
        for number in range(1, 6):
            assert gateway.update("server", "server", envVars={"GREETING": f"v{number}"}).status == 202
            assert gateway.call("server").text.split()[0] == f"v{number}"
            gateway.scale("server", 1 + number % 2)
    finally:
        over.set()
        for each in clients:
            each.join()

    assert failures == []


def test_a_running_call_survives_an_update(gateway):
    gateway.deploy("server", "server", envVars={"GREETING": "old"})
    answers = []
    slow = threading.Thread(target=lambda: answers.append(gateway.call("server", b"slow", X_Sleep="1.5")))
    slow.start()
    while not gateway.ask("GET", "/system/functions").json():
        pass

    gateway.update("server", "server", envVars={"GREETING": "new"})
    slow.join()

    assert answers[0].text.startswith("old slow")
    assert gateway.call("server").text.startswith("new")


def test_replicas_share_the_calls(gateway):
    gateway.deploy("server", "server", labels={"com.openfaas.scale.min": "2"})
    gateway.wait_available("server", 2)

    assert len(processes_of_two_calls(gateway)) == 2

    assert gateway.scale("server", 1).status == 202
    gateway.wait_available("server", 1)
    assert len(processes_of_two_calls(gateway)) == 1


def processes_of_two_calls(gateway):
    """Which processes answer two calls that run at the same time."""
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda _: gateway.call("server", X_Sleep="0.5"), range(2))
        return {answer.text.split()[-1] for answer in answers}


def test_two_hundred_replicas_that_come_and_go_hold_up_no_call(gateway, wait_for):
    """Starting and ending processes is work for the gateway, too: it answers between two of them."""
    gateway.deploy("echo")
    gateway.deploy("many")
    waited, over = [], threading.Event()

    def call():
        while not over.is_set():
            began = time.monotonic()
            assert gateway.ask("GET", "/healthz").status == 200
            waited.append(time.monotonic() - began)
            time.sleep(0.01)

    def available():
        return gateway.ask("GET", "/system/function/many").json()["availableReplicas"]

    with ThreadPoolExecutor() as pool:
        calls = pool.submit(call)
        began = time.monotonic()
        try:
            assert gateway.scale("many", 200).status == 202
            wait_for(lambda: available() == 200, 60)
            assert gateway.update("many", envVars={"A": "1"}).status == 202
            wait_for(lambda: available() == 200, 60)
            assert gateway.scale("many", 1).status == 202
            wait_for(lambda: available() == 1, 60)
        finally:
            over.set()
        took = time.monotonic() - began
        calls.result()
    print(f"longest wait {max(waited):.2f} s of {took:.2f} s")

    # A gateway that does it in one piece answers nothing for about half of the time.
    assert max(waited) < took / 4, (max(waited), took)


def test_a_function_scaled_to_zero_comes_back_with_a_call(gateway):
    gateway.deploy("echo")
    assert gateway.scale("echo", 0).status == 202
    gateway.wait_available("echo", 0)
    assert "replicas" not in gateway.status("echo")

    assert gateway.call("echo", b"woken").body == b"woken"
    assert gateway.status("echo")["replicas"] == 1


def test_an_image_with_a_fixed_port_runs_once_without_isolation(gateway):
    """All replicas would listen at the same address."""
    annotations = {"com.faas.isolation": "none"}
    answer = gateway.deploy("fixed", "fixed", labels={"com.openfaas.scale.min": "2"}, annotations=annotations)

    assert answer.status == 400
    assert "io.faas.upstream-port-env" in answer.text


@pytest.mark.parametrize(
    ("body", "status"), [({"replicas": -1}, 400), ({"replicas": "2"}, 400), ({}, 400), (b"{", 400), (b"[]", 400)]
)
def test_an_invalid_body_scales_nothing(gateway, body, status):
    assert gateway.ask("POST", "/system/scale-function/echo", body).status == status


def test_scaling_an_unknown_function_is_not_found(gateway):
    answer = gateway.scale("ghost", 2)

    assert (answer.status, answer.text) == (404, "there is no function `ghost` in namespace `openfaas-fn`")


def test_a_line_feed_in_a_path_is_part_of_a_name(gateway):
    """It is a wrong name, or belongs to the function; it does not lead elsewhere."""
    refused = gateway.ask("POST", "/system/namespace/a%0Ab", {"name": ""})
    assert (refused.status, "namespace" in refused.text) == (400, True)
    gateway.deploy("echo")
    assert gateway.ask("POST", "/async-function/echo/a%0Ab", b"x").status == 202


def test_one_name_in_two_namespaces_is_two_functions(gateway):
    assert gateway.ask("POST", "/system/namespace/", {"name": "dev", "labels": {"openfaas": "1"}}).status == 201
    gateway.deploy("server", "server", envVars={"GREETING": "default"})
    gateway.deploy("server", "server", envVars={"GREETING": "dev"}, namespace="dev")

    assert gateway.call("server").text.startswith("default")
    assert gateway.call("server.dev").text.startswith("dev")

    assert gateway.ask("PUT", "/system/namespace/dev", {"labels": {"openfaas": "1", "team": "a"}}).status == 202
    assert gateway.ask("GET", "/system/namespace/dev").json()["labels"] == {"openfaas": "1", "team": "a"}
    assert gateway.ask("PUT", "/system/namespace/none", {"labels": {}}).status == 404

    assert gateway.ask("DELETE", "/system/namespace/dev", {"name": "dev"}).status == 202
    assert gateway.call("server.dev").status == 404
    assert gateway.call("server").status == 200


def test_an_earlier_version_comes_back_with_its_own_image(gateway):
    """Even when the image's name means another image by now."""
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    gateway.add_image("server", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
    gateway.update("server", "server", envVars={"LEVEL": "2"})
    assert gateway.call("server", b"x").text == "x"
    listed = gateway.ask("GET", "/system/function/server/versions").json()
    assert [(each["version"], each.get("current", False)) for each in listed] == [(2, True), (1, False)]

    assert gateway.ask("POST", "/system/function/server/rollback", {}).status == 200

    assert gateway.call("server", b"x").text.startswith("one x")
    assert gateway.status("server")["image"].startswith("server@sha256:")
    assert gateway.ask("POST", "/system/function/server/rollback", {"version": 2}).status == 200
    assert gateway.call("server", b"x").text == "x"
    assert gateway.ask("POST", "/system/function/server/rollback", {"version": 9}).status == 404
    gateway.delete("server")
    gateway.deploy("server")
    assert len(gateway.ask("GET", "/system/function/server/versions").json()) == 1
