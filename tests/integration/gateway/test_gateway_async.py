"""Calls that are answered later."""

import http.server
import threading
from typing import Any

import pytest


def state(gateway, call_id):
    return gateway.ask("GET", f"/system/async/{call_id}").json()


def submit(gateway, name, body=b"", path="", **headers):
    names = {key.replace("_", "-"): value for key, value in headers.items()}
    answer = gateway.ask("POST", f"/async-function/{name}{path}", body, names)
    assert (answer.status, answer.body) == (202, b""), answer
    assert answer.headers["X-Start-Time"]
    assert answer.headers.get_all("X-Call-Id") == [answer.headers["X-Call-Id"]]
    return answer.headers["X-Call-Id"]


def test_a_call_is_accepted_made_and_its_answer_kept(gateway, wait_for):
    gateway.deploy("echo")
    call_id = submit(gateway, "echo", b"later \x00")

    wait_for(lambda: state(gateway, call_id)["state"] == "done")
    result = gateway.ask("GET", f"/system/async/{call_id}/result")
    assert (result.status, result.body) == (200, b"later \x00")
    assert result.headers["X-Function-Status"] == "200"
    assert "sandbox" in result.headers["Content-Security-Policy"]
    assert gateway.ask("GET", "/system/functions").json()[0]["invocationCount"] == 1


def test_path_query_and_id_reach_the_function(gateway, wait_for):
    gateway.deploy("env", envProcess="env", envVars={"cgi_headers": "true"})
    call_id = submit(gateway, "env", path="/a%2Fb/c?x=1", X_Call_Id="mine-1", X_Extra="kept")
    assert call_id != "mine-1"

    wait_for(lambda: state(gateway, call_id)["state"] == "done")
    assert state(gateway, call_id)["callerId"] == "mine-1"
    shown = gateway.ask("GET", "/system/async/mine-1/result").text
    assert "Http_X_Call_Id=mine-1" in shown
    assert "Http_X_Extra=kept" in shown
    assert "Http_Query=x=1" in shown


def test_an_internal_function_can_be_called_by_the_queue_alone(gateway, wait_for):
    gateway.deploy("echo", annotations={"com.faas.expose": "internal"})
    assert gateway.call("echo").status == 404
    # The queue is no way around that: only somebody with an account may use it.
    assert gateway.ask("POST", "/async-function/echo", b"x").status == 401

    call_id = submit(gateway, "echo", b"x", Authorization=gateway.authorization())
    wait_for(lambda: state(gateway, call_id)["state"] == "done")


def test_calls_survive_kill_9(gateway, wait_for):
    gateway.deploy("echo", annotations={"com.faas.async.concurrency": "1"})
    ids = [submit(gateway, "echo", b"%d" % number) for number in range(10)]

    gateway.kill()
    gateway.start()

    for number, call_id in enumerate(ids):
        wait_for(lambda call_id=call_id: state(gateway, call_id)["state"] == "done")
        assert gateway.ask("GET", f"/system/async/{call_id}/result").body == b"%d" % number


def test_a_failing_call_is_tried_again_then_buried_and_replayed(gateway, wait_for):
    retries = {"com.openfaas.retry.attempts": "2", "com.openfaas.retry.min_wait": "100ms"}
    gateway.deploy("echo", envProcess="false", annotations=retries)
    call_id = submit(gateway, "echo")

    wait_for(lambda: state(gateway, call_id)["state"] == "dead")
    assert state(gateway, call_id)["attempts"] == 2
    listed = gateway.ask("GET", "/system/queue?state=dead").json()
    assert [call["callId"] for call in listed["calls"]] == [call_id]
    assert listed["counts"] == {"echo.openfaas-fn": {"dead": 1}}
    for function in ("echo", "echo.openfaas-fn"):
        assert gateway.ask("GET", f"/system/queue?function={function}").json() == listed
    assert gateway.ask("GET", "/system/queue?function=a/b").status == 400
    for function in ("other", "echo.other"):
        assert gateway.ask("GET", f"/system/queue?function={function}").json() == {"counts": {}, "calls": []}

    gateway.update("echo")
    assert gateway.ask("POST", "/system/queue/replay", {"callIds": [call_id]}).json() == {"replayed": 1}
    wait_for(lambda: state(gateway, call_id)["state"] == "done")


def test_a_delayed_call_can_be_cancelled(gateway):
    gateway.deploy("echo")
    ours = {"Authorization": gateway.authorization()}
    for number in range(2):
        answer = gateway.ask("POST", "/async-function/echo", b"", {"X-Faas-Delay": "1h"})
        call_id, token = answer.headers["X-Call-Id"], {"X-Faas-Cancel-Token": answer.headers["X-Faas-Cancel-Token"]}
        assert state(gateway, call_id)["state"] == "queued"
        # With the token of the call, or an account.
        assert gateway.ask("DELETE", f"/async-function/{call_id}", headers=(token, ours)[number]).status == 202
        assert state(gateway, call_id)["state"] == "cancelled"
        assert gateway.ask("DELETE", f"/async-function/{call_id}", headers=ours).status == 404


def test_nobody_cancels_the_calls_of_others(gateway):
    """Two callers gave the same id; an id is no permission, whoever chose it."""
    gateway.deploy("echo")
    calls = [
        gateway.ask("POST", "/async-function/echo", b"", {"X-Faas-Delay": "1h", "X-Call-Id": "same"}) for _ in range(2)
    ]
    ids = [answer.headers["X-Call-Id"] for answer in calls]
    assert len({*ids, "same"}) == 3
    for headers in ({}, {"X-Faas-Cancel-Token": "x"}, {"Authorization": "Basic eDp5"}):
        for call_id in ("same", *ids, "ghost"):
            assert gateway.ask("DELETE", f"/async-function/{call_id}", headers=headers).status == 401
    stranger = {"X-Faas-Cancel-Token": calls[0].headers["X-Faas-Cancel-Token"]}
    assert gateway.ask("DELETE", f"/async-function/{ids[1]}", headers=stranger).status == 401
    assert {state(gateway, call_id)["state"] for call_id in ids} == {"queued"}


def test_calls_are_limited_purged_and_deleted_with_their_function(gateway):
    """What anonymous callers store is limited, and an operator can delete it."""
    gateway.stop()
    gateway.options += ["--max-queued-calls-per-function", "3", "--max-queued-calls", "4"]
    gateway.start()
    gateway.deploy("echo")
    gateway.deploy("env")
    for _ in range(3):
        submit(gateway, "echo", X_Faas_Delay="1h")
    refused = gateway.ask("POST", "/async-function/echo", b"x")
    assert (refused.status, "max_queued_calls_per_function" in refused.text) == (429, True)
    submit(gateway, "env", X_Faas_Delay="1h")
    assert gateway.ask("POST", "/async-function/env", b"x").status == 429

    purged = gateway.ask("DELETE", "/system/queue?state=queued&function=env")
    assert purged.json() == {"purged": 1}
    assert gateway.delete("echo").status == 202
    assert gateway.ask("GET", "/system/queue").json()["counts"] == {"echo.openfaas-fn": {"cancelled": 3}}


def test_a_disk_without_room_takes_no_calls(gateway):
    """507 and the reason; management and health go on, and health says so."""
    gateway.deploy("echo")
    gateway.stop()
    gateway.options += ["--min-free-bytes", "1000Ti"]
    gateway.start()
    refused = gateway.ask("POST", "/async-function/echo", b"x")
    assert (refused.status, "min_free_bytes" in refused.text) == (507, True)
    health = gateway.ask("GET", "/healthz")
    assert (health.status, health.text.startswith("disk: ")) == (200, True)
    assert gateway.call("echo", b"x").body == b"x"
    assert gateway.delete("echo").status == 202


def test_calls_survive_the_deletion_of_the_queue_file(gateway, wait_for):
    """While the gateway runs: it writes the file again, and health says so."""
    gateway.deploy("echo")
    waiting = submit(gateway, "echo", b"later", X_Faas_Delay="3s")
    for path in (gateway.state / "queue").iterdir():
        path.unlink()
    submit(gateway, "echo")
    wait_for(lambda: "no call was lost" in gateway.ask("GET", "/healthz").text)
    gateway.kill()
    gateway.start()
    wait_for(lambda: state(gateway, waiting)["state"] == "done")


def test_a_damaged_queue_file_is_set_aside(gateway):
    """One line, and everything else goes on."""
    gateway.deploy("echo")
    submit(gateway, "echo")
    gateway.stop()
    file = gateway.state / "queue" / "calls.db"
    file.write_bytes(b"no database" * 1000)
    gateway.start()
    assert "is kept as `calls.db.damaged-" in gateway.ask("GET", "/healthz").text
    assert "Traceback" not in gateway.log()
    submit(gateway, "echo")


@pytest.mark.parametrize(
    ("name", "headers", "status"),
    [
        ("ghost", {}, 404),
        ("echo", {"X-Callback-Url": "ftp://x"}, 400),
        ("echo", {"X-Callback-Url": "http://u:p@x/"}, 400),
        ("echo", {"X-Faas-Delay": "soon"}, 400),
        ("echo", {"X-Faas-Delay": "9999h"}, 400),
    ],
)
def test_wrong_calls_are_refused_at_once(gateway, name, headers, status):
    gateway.deploy("echo")

    assert gateway.ask("POST", f"/async-function/{name}", b"", headers).status == status
    assert gateway.ask("GET", "/system/queue").json() == {"counts": {}, "calls": []}


def test_other_methods_are_not_queued(gateway):
    gateway.deploy("echo")

    assert gateway.ask("GET", "/async-function/echo").status == 405


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes callbacks; the first is refused for now."""

    server: Any

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.send_response(503 if len(self.server.seen) == 1 else 200)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_a_host_that_is_allowed_is_called_back_until_it_takes_the_answer(gateway, wait_for):
    gateway.stop()
    gateway.options += ["--callback-host", "127.0.0.1"]
    gateway.start()
    gateway.deploy("echo")
    server: Any = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    with server:
        server.seen = []
        threading.Thread(target=server.serve_forever).start()
        call_id = submit(gateway, "echo", b"for you", X_Callback_Url=f"http://127.0.0.1:{server.server_port}/back?x=1")
        wait_for(lambda: len(server.seen) == 2, 30)
        server.shutdown()

    (path, _, first), (_, headers, body) = server.seen
    assert (path, first, body) == ("/back?x=1", b"for you", b"for you")
    assert headers["X-Call-Id"] == call_id
    assert headers["X-Function-Status"] == "200"
    assert headers["X-Function-Name"] == "echo.openfaas-fn"
    assert headers["X-Retry"] == "1"
    assert float(headers["X-Duration-Seconds"]) > 0


def test_callbacks_to_this_machine_are_refused(gateway):
    """At once, with the flag that allows them: nobody would see a refusal later."""
    gateway.deploy("echo")
    for host in ("127.0.0.1", "[::1]", "localhost", "169.254.169.254", "2130706433", "0x7f.1", "[64:ff9b::a00:1]"):
        answer = gateway.ask("POST", "/async-function/echo", b"", {"X-Callback-Url": f"http://{host}:1/"})
        assert answer.status == 400
        assert "--callback-host" in answer.text


def test_a_host_that_cannot_be_resolved_now(gateway):
    """May be there when the answer is."""
    gateway.deploy("echo")
    assert submit(gateway, "echo", X_Callback_Url="http://no-such-host.invalid/")


def test_a_large_response_is_delivered_whole(gateway, wait_for):
    """The queue keeps a megabyte of it; the callback gets all."""
    gateway.stop()
    gateway.options += ["--callback-host", "127.0.0.1"]
    gateway.start()
    gateway.deploy("echo")
    server: Any = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    sent = bytes(range(250)) * 6000
    with server:
        server.seen = [None]
        threading.Thread(target=server.serve_forever).start()
        call_id = submit(gateway, "echo", sent, X_Callback_Url=f"http://127.0.0.1:{server.server_port}/")
        wait_for(lambda: len(server.seen) == 2, 30)
        server.shutdown()

    assert server.seen[1][2] == sent
    assert "X-Response-Truncated" not in server.seen[1][1]
    state = gateway.ask("GET", f"/system/async/{call_id}").json()
    assert state["reason"] == "only the first 1000000 bytes of the response were kept"
