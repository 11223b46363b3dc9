"""What functions print, and what they may know."""

import contextlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

PRINT = "import sys; print('said', sys.stdin.read(), file=sys.stderr)"
SHOW = "import os; print(open(os.path.join(os.environ['secret_mount_path'], 'key')).read(), end='')"


def lines(gateway, query):
    answer = gateway.ask("GET", f"/system/logs?{query}")
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.splitlines()]


def printed(gateway, query):
    return [line["text"].rpartition("said ")[2] for line in lines(gateway, query) if "said " in line["text"]]


def deploy_printer(gateway):
    gateway.add_image(
        "printer", {"printer.py": PRINT}, {"fprocess": f"{sys.executable} printer.py", "combine_output": "false"}
    )
    assert gateway.deploy("printer", "printer").status == 202


def test_logs_are_kept_and_selected(gateway, wait_for):
    deploy_printer(gateway)
    gateway.call("printer", b"one")
    wait_for(lambda: printed(gateway, "name=printer") == ["one"])
    between = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    gateway.call("printer", b"two")
    wait_for(lambda: printed(gateway, "name=printer&tail=-1") == ["one", "two"])

    assert printed(gateway, f"name=printer&since={between}") == ["two"]
    assert len(lines(gateway, "name=printer&tail=1")) == 1
    assert lines(gateway, "name=printer&instance=other") == []
    message = lines(gateway, "name=printer&tail=1")[0]
    assert list(message) == ["name", "namespace", "instance", "timestamp", "text"]


def test_logs_survive_a_crash_of_the_gateway(gateway, wait_for):
    deploy_printer(gateway)
    gateway.call("printer", b"before")
    wait_for(lambda: printed(gateway, "name=printer") == ["before"])

    gateway.kill()
    gateway.start()

    assert printed(gateway, "name=printer") == ["before"]


def test_following_shows_lines_as_they_come_and_ends_with_the_function(gateway):
    deploy_printer(gateway)
    with contextlib.closing(gateway.connection()) as connection:
        headers = {"Authorization": gateway.authorization()}
        connection.request("GET", "/system/logs?name=printer&follow=1&tail=1", headers=headers)
        stream = connection.getresponse()
        assert stream.headers["Content-Type"].startswith("application/x-ndjson")
        assert "said" not in json.loads(stream.readline())["text"]

        gateway.call("printer", b"live")
        while "said live" not in json.loads(stream.readline())["text"]:
            pass

        gateway.delete("printer")
        assert all(json.loads(line) for line in stream)


def test_readers_that_go_away_leave_nothing_open(gateway, wait_for):
    deploy_printer(gateway)
    descriptors = Path(f"/proc/{gateway.process.pid}/fd")
    headers = {"Authorization": gateway.authorization()}
    before = len(list(descriptors.iterdir()))
    with contextlib.ExitStack() as readers:
        for _ in range(10):
            connection = readers.enter_context(contextlib.closing(gateway.connection()))
            connection.request("GET", "/system/logs?name=printer&follow=1", headers=headers)
            assert readers.enter_context(connection.getresponse()).readline()
        # Each holds a connection to the proxy, and the proxy one to the control API.
        assert len(list(descriptors.iterdir())) >= before + 20

    wait_for(lambda: len(list(descriptors.iterdir())) < before + 10)


def test_wrong_log_queries_are_refused(gateway):
    gateway.deploy("echo")

    assert gateway.ask("GET", "/system/logs?name=ghost").status == 404
    assert gateway.ask("GET", "/system/logs").status == 400
    assert gateway.ask("GET", "/system/logs?name=echo&since=soon").status == 422
    assert gateway.ask("GET", "/system/logs?name=echo&tail=x").status == 422


def test_a_function_reads_its_secret_and_sees_its_change(gateway, wait_for):
    gateway.add_image("show", {"show.py": SHOW}, {"fprocess": f"{sys.executable} show.py"})
    assert gateway.ask("POST", "/system/secrets", {"name": "key", "value": "first"}).status == 201
    assert gateway.ask("POST", "/system/secrets", {"name": "key", "value": "x"}).status == 409
    assert gateway.deploy("show", "show", secrets=["key"]).status == 202
    assert gateway.call("show").text == "first"

    update = {"name": "key", "value": "loses", "rawValue": "c2Vjb25k"}
    assert gateway.ask("PUT", "/system/secrets", update).status == 202
    assert gateway.call("show").text == "second"

    assert gateway.ask("GET", "/system/secrets").json() == [{"name": "key", "namespace": "openfaas-fn"}]
    assert gateway.ask("DELETE", "/system/secrets", {"name": "key"}).status == 202
    assert gateway.ask("DELETE", "/system/secrets", {"name": "key"}).status == 404
    assert gateway.ask("PUT", "/system/secrets", update).status == 404


def test_secret_files_belong_to_their_owner_alone(gateway):
    gateway.ask("POST", "/system/secrets", {"name": "key", "value": "first"})

    assert (gateway.state / "secrets/openfaas-fn/key").stat().st_mode & 0o777 == 0o600


def test_secret_names_cannot_leave_their_folder(gateway):
    for name in ("../key", "/etc/x", "..", "a/b", ""):
        assert gateway.ask("POST", "/system/secrets", {"name": name, "value": "x"}).status == 400
