"""Asynchronous calls kept in a real NATS JetStream, by one gateway and by two."""

import asyncio
import subprocess
import sys
from collections import Counter

import pytest

from tests.gateways import Gateway

nats_client = pytest.importorskip("nats", reason="`pip install nats-py` is the client")

# Writes down who answered which call.
NOTE = """
import os, sys
body = sys.stdin.read()
with open(os.environ["NOTES"], "a") as notes:
    notes.write(os.environ["WHO"] + " " + body + "\\n")
"""


@pytest.fixture
def gateways(tmp_path, nats, watchdog_binary):
    """Two gateways with a function `note` each, and one queue."""
    found = []
    for who in ("one", "two"):
        state = tmp_path / who
        state.mkdir()
        gateway = Gateway(state, "--nats", nats.url, "--isolation", "none")  # it writes where the test reads
        gateway.add_image("note", {"note.py": NOTE}, {"fprocess": f"{sys.executable} note.py"})
        found.append(gateway.start())
    yield found
    for gateway in found:
        gateway.stop()


def deploy(gateway, notes, who, **more):
    retries = {"com.openfaas.retry.attempts": "2", "com.openfaas.retry.min_wait": "100ms"}
    variables = {"NOTES": str(notes), "WHO": who}
    assert gateway.deploy("note", "note", envVars=variables, annotations=retries, **more).status == 202


def submit(gateway, body, **headers):
    answer = gateway.ask("POST", "/async-function/note", body, {k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status == 202, answer
    return answer.headers["X-Call-Id"]


def state(gateway, call_id):
    return gateway.ask("GET", f"/system/async/{call_id}").json()


def test_two_gateways_share_the_work_and_know_every_call(gateways, tmp_path, wait_for):
    notes = tmp_path / "notes"
    for gateway, who in zip(gateways, ("one", "two"), strict=True):
        deploy(gateway, notes, who)
    ids = [submit(gateways[0], str(number).encode()) for number in range(60)]

    for call_id in ids:
        wait_for(lambda call_id=call_id: state(gateways[1], call_id)["state"] == "done", 30)
    lines = [line.split() for line in notes.read_text().splitlines()]
    assert sorted(int(body) for _, body in lines) == list(range(60))
    assert set(Counter(who for who, _ in lines)) == {"one", "two"}


def test_a_dead_call_is_listed_and_replayed(gateways, tmp_path, wait_for):
    gateway = gateways[0]
    deploy(gateway, tmp_path / "notes", "one", envProcess="false")
    call_id = submit(gateway, b"x")
    wait_for(lambda: state(gateway, call_id)["state"] == "dead", 20)
    assert state(gateway, call_id)["attempts"] == 2
    listed = gateway.ask("GET", "/system/queue?state=dead").json()
    assert gateway.ask("GET", "/system/queue?function=other").json() == {"counts": {}, "calls": []}
    assert [call["callId"] for call in listed["calls"]] == [call_id]
    gateways[1].ask("GET", "/system/queue")

    gateway.update("note", "note", envVars={"NOTES": str(tmp_path / "notes"), "WHO": "one"})
    assert gateway.ask("POST", "/system/queue/replay", {"callIds": [call_id]}).json() == {"replayed": 1}
    wait_for(lambda: state(gateway, call_id)["state"] == "done", 20)
    assert gateway.ask("DELETE", "/system/queue?state=done").json() == {"purged": 1}


def test_delayed_calls_can_be_cancelled_purged_and_deleted_with_their_function(gateways, tmp_path):
    gateway = gateways[0]
    deploy(gateway, tmp_path / "notes", "one")
    delay = {"X-Faas-Delay": "1h", "X-Call-Id": "mine"}
    answers = [gateway.ask("POST", "/async-function/note", b"x", delay) for _ in range(3)]
    ids = [answer.headers["X-Call-Id"] for answer in answers]
    assert len({*ids, "mine"}) == 4
    token = {"X-Faas-Cancel-Token": answers[0].headers["X-Faas-Cancel-Token"]}
    assert gateway.ask("DELETE", f"/async-function/{ids[1]}", headers=token).status == 401
    assert gateway.ask("DELETE", f"/async-function/{ids[0]}", headers=token).status == 202
    assert [state(gateway, each)["state"] for each in ids] == ["cancelled", "queued", "queued"]

    assert gateway.delete("note").status == 202
    assert [state(gateway, each)["state"] for each in ids] == ["cancelled"] * 3
    deploy(gateway, tmp_path / "notes", "one")
    submit(gateway, b"x", X_Faas_Delay="1h")
    assert gateway.ask("DELETE", "/system/queue?state=queued").json() == {"purged": 1}


def test_accepted_calls_survive_the_death_of_the_server(gateways, nats, tmp_path, wait_for):
    gateway, notes = gateways[0], tmp_path / "notes"
    deploy(gateway, notes, "one")
    ids = [submit(gateway, b"%d" % number) for number in range(20)]
    nats.kill()
    nats.start()
    wait_for(nats.accepts)

    def is_done(call_id):
        answer = gateway.ask("GET", f"/system/async/{call_id}")
        return answer.status == 200 and answer.json()["state"] == "done"

    for call_id in ids:
        # What ran when the server died comes back when its lease has run out.
        wait_for(lambda call_id=call_id: is_done(call_id), 100)
    assert {int(line.split()[1]) for line in notes.read_text().splitlines()} == set(range(20))


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    command = [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(tmp_path), "--port", "0"]
    answer = subprocess.run(
        [*command, "--metrics-port", "0", "--nats", "nats://127.0.0.1:1"], capture_output=True, text=True, timeout=60
    )

    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith("faas-gateway: NATS at nats://127.0.0.1:1 cannot be used")


def test_a_queue_that_is_there_takes_over_another_lease(gateways, nats, tmp_path, wait_for):
    """Calls that an earlier gateway left begin with its lease, and go on with the one that is asked for now."""

    def lease():
        async def ask():
            client = await nats_client.connect(nats.url)
            try:
                stream = client.jetstream()
                (consumer,) = await stream.consumers_info((await stream.streams_info())[0].config.name)
                return consumer.config.ack_wait
            finally:
                await client.close()

        return asyncio.run(ask())

    gateway = gateways[0]
    deploy(gateway, tmp_path / "notes", "one")
    first = submit(gateway, b"x")
    wait_for(lambda: state(gateway, first)["state"] == "done", 20)
    assert lease() == 60
    gateway.stop()
    gateway.options += ["--queue-lease", "7"]
    gateway.start()
    call_id = submit(gateway, b"y")
    wait_for(lambda: state(gateway, call_id)["state"] == "done", 20)

    assert lease() == 7
