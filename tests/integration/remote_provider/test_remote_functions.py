"""Functions of a remote provider, through the gateway's REST API."""

import base64
import contextlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

SHOW = "import os; print(open(os.path.join(os.environ['secret_mount_path'], 'key')).read(), end='')"


def test_a_function_lives_at_the_provider_and_is_called_through_the_gateway(gateway, provider):
    assert gateway.deploy("echo", labels={"team": "a"}).status == 202
    assert gateway.call("echo", b"test\x00\xff").body == b"test\x00\xff"
    assert gateway.call("echo.openfaas-fn", b"x").body == b"x"
    assert provider.call("echo", b"y").body == b"y"
    ours, theirs = gateway.status("echo"), provider.status("echo")
    assert (ours["labels"], ours["createdAt"]) == (theirs["labels"], theirs["createdAt"])

    listed = gateway.ask("GET", "/system/functions").json()
    assert [(each["name"], each["replicas"], each["invocationCount"]) for each in listed] == [("echo", 1, 2)]

    assert gateway.delete("echo").status == 202
    assert provider.ask("GET", "/system/functions").json() == []
    assert gateway.call("echo").status == 404
    assert gateway.delete("echo").status == 404


def test_the_path_the_query_and_large_bodies_arrive(gateway, wait_for):
    gateway.deploy("server", "server")

    body = bytes(range(256)) * 16 * 1024
    assert body in gateway.call("server/a/b%20c?q=1&r=%2F", body).body
    wait_for(lambda: b"served /a/b%20c?q=1&r=%2F" in gateway.ask("GET", "/system/logs?name=server").body)


def test_what_marks_a_call_stands_once_in_its_answer(gateway):
    gateway.deploy("echo")

    answer = gateway.call("echo")

    for name in ("X-Call-Id", "X-Start-Time", "X-Duration-Seconds", "X-Served-By"):
        assert len(answer.headers.get_all(name) or []) == 1, name


def test_faults_come_from_the_provider_in_its_own_words(gateway):
    refused = gateway.deploy("echo", "nope")
    assert (refused.status, "image `nope` is not in the local store" in refused.text) == (400, True)
    assert gateway.update("echo").status == 404
    assert gateway.deploy("echo").status == 202
    assert gateway.deploy("echo").status == 409
    assert gateway.ask("GET", "/system/function/ghost").status == 404
    assert gateway.scale("ghost", 2).status == 404
    assert gateway.ask("GET", "/system/logs?name=ghost").status == 404


def test_an_update_under_load_fails_no_call(gateway):
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    updated = threading.Event()

    def calls(_):
        found = []
        while not updated.is_set() or len(found) < 5:
            found.append(gateway.call("server", X_Sleep="0.01"))
        return [*found, gateway.call("server")]

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(calls, number) for number in range(4)]
        assert gateway.update("server", "server", envVars={"GREETING": "two"}).status == 202
        updated.set()
        answers = [answer for each in running for answer in each.result()]

    assert {answer.status for answer in answers} == {200}
    assert answers[-1].text.startswith("two")


def test_replicas_are_scaled_to_zero_and_woken_by_a_call(gateway, provider):
    gateway.deploy("server", "server")
    assert gateway.scale("server", 3).status == 202
    provider.wait_available("server", 3)
    gateway.wait_available("server", 3)
    assert len({gateway.call("server").text.split()[-1] for _ in range(30)}) > 1

    assert gateway.scale("server", 0).status == 202
    provider.wait_available("server", 0)
    assert gateway.call("server").status == 200
    assert provider.status("server")["replicas"] == 1


def test_functions_that_others_deploy_are_found(gateway, provider, wait_for):
    provider.deploy("echo")
    wait_for(lambda: gateway.call("echo", b"x").body == b"x")

    provider.delete("echo")
    wait_for(lambda: gateway.call("echo").status == 404 and "no function named" in gateway.call("echo").text)


def test_lines_of_the_log_come_as_they_are_printed(gateway):
    gateway.deploy("server", "server")
    with contextlib.closing(gateway.connection()) as connection:
        authorization = {"Authorization": gateway.authorization()}
        connection.request("GET", "/system/logs?name=server&follow=true", headers=authorization)
        lines = connection.getresponse()
        for path in ("/first", "/second"):
            assert gateway.call(f"server{path}").status == 200
            while f"served {path}".encode() not in lines.readline():
                pass


def test_logs_are_limited_by_number_and_time(gateway, wait_for):
    gateway.deploy("server", "server")
    gateway.call("server/one")
    wait_for(lambda: b"POST /one" in gateway.ask("GET", "/system/logs?name=server").body)

    lines = gateway.ask("GET", "/system/logs?name=server&tail=1").body.splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["instance", "name", "namespace", "text", "timestamp"]]
    assert gateway.ask("GET", "/system/logs?name=server&since=2100-01-01T00:00:00Z").body == b""


def test_secrets_are_kept_by_the_provider(gateway, provider):
    provider.add_image("show", {"show.py": SHOW}, {"fprocess": f"{sys.executable} show.py"})
    value = base64.b64encode(b"first").decode()
    assert gateway.ask("POST", "/system/secrets", {"name": "key", "rawValue": value}).status == 201
    assert gateway.ask("POST", "/system/secrets", {"name": "key", "value": "again"}).status == 409
    listed = gateway.ask("GET", "/system/secrets").json()
    assert listed == provider.ask("GET", "/system/secrets").json() == [{"name": "key", "namespace": "openfaas-fn"}]
    assert gateway.deploy("show", "show", secrets=["key"]).status == 202
    assert gateway.call("show").text == "first"
    assert gateway.ask("PUT", "/system/secrets", {"name": "key", "value": "new"}).status == 202
    assert gateway.ask("PUT", "/system/secrets", {"name": "none", "value": "new"}).status == 404
    gateway.delete("show")
    assert gateway.ask("DELETE", "/system/secrets", {"name": "key"}).status == 202
    assert gateway.ask("GET", "/system/secrets").json() == []


def test_namespaces_are_the_providers(gateway, provider):
    assert gateway.ask("POST", "/system/namespace/staging", {"name": "staging", "labels": {"a": "b"}}).status == 201
    assert provider.ask("GET", "/system/namespaces").json() == ["openfaas-fn", "staging"]
    assert gateway.ask("GET", "/system/namespace/staging").json()["labels"] == {"a": "b"}

    assert gateway.deploy("echo", namespace="staging").status == 202
    assert gateway.call("echo.staging", b"x").body == b"x"
    assert gateway.call("echo").status == 404

    assert gateway.ask("DELETE", "/system/namespace/staging").status == 202
    assert gateway.call("echo.staging").status == 404
    assert gateway.ask("GET", "/system/namespaces").json() == ["openfaas-fn"]


def test_calls_are_queued_at_the_gateway(gateway, wait_for):
    gateway.deploy("server", "server")

    assert gateway.ask("POST", "/async-function/server/queued", b"x").status == 202
    wait_for(lambda: b"served /queued" in gateway.ask("GET", "/system/logs?name=server").body)


def test_each_tells_who_it_is(gateway, provider):
    theirs = provider.ask("GET", "/system/info").json()

    assert (theirs["orchestration"], sorted(theirs)) == (
        "processes",
        ["isolation", "orchestration", "provider", "version"],
    )
    assert gateway.ask("GET", "/system/info").json()["provider"] == theirs


def test_a_canary_lives_at_the_provider_and_gets_its_share_here(gateway, provider):
    """The provider has two functions, the gateway's clients see one."""
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    share = {"com.faas.traffic": "50"}
    assert gateway.update("server", "server", envVars={"GREETING": "two"}, annotations=share).status == 202

    assert {gateway.call("server").text.split()[0] for _ in range(40)} == {"one", "two"}
    assert [each["name"] for each in gateway.ask("GET", "/system/functions").json()] == ["server"]
    assert len(provider.ask("GET", "/system/functions").json()) == 2

    assert gateway.ask("POST", "/system/function/server/promote").status == 200
    assert {gateway.call("server").text.split()[0] for _ in range(10)} == {"two"}
    assert [each["name"] for each in provider.ask("GET", "/system/functions").json()] == ["server"]


def test_the_gateway_asks_for_credentials_not_the_provider(gateway, provider):
    gateway.deploy("echo", annotations={"com.faas.auth": "basic"})

    assert gateway.call("echo", b"x").status == 401
    assert gateway.call("echo", b"x", Authorization=gateway.authorization()).body == b"x"
