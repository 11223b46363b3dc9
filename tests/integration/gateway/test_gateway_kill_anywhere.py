"""A gateway killed in the middle of a change leaves the old state or the new one, and nothing running."""

import contextlib
import os
import random
import threading
import time
from pathlib import Path

ROUNDS = int(os.environ.get("FAAS_KILL_ROUNDS", "8"))


def processes_of(state):
    """The processes of `server` on the gateway of this state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"STATE={state}\0".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def variables(gateway, version):
    """An environment that tells the version, and marks its processes."""
    return {"GREETING": version, "STATE": str(gateway.state)}


def change(gateway, number):
    """A deployment, an update or a removal; whatever the answer is, it may never come."""
    with contextlib.suppress(OSError):
        if number % 3 == 0:
            gateway.delete("server")
        elif number % 3 == 1:
            gateway.deploy("server", "server", envVars=variables(gateway, f"v{number}"))
        else:
            gateway.update("server", "server", envVars=variables(gateway, f"v{number}"))


def test_a_change_that_is_cut_off_happened_or_did_not(gateway):
    chance = random.Random(7)
    for number in range(1, ROUNDS + 1):
        before = gateway.ask("GET", "/system/functions").json()
        worker = threading.Thread(target=change, args=(gateway, number))
        worker.start()
        time.sleep(chance.uniform(0, 0.25))
        gateway.kill()
        worker.join()
        gateway.start()

        after = gateway.ask("GET", "/system/functions").json()
        assert len(after) in {len(before), 0 if number % 3 == 0 else 1}
        if after:
            answer = gateway.call("server", b"x")
            assert answer.status == 200, answer
            greeting = answer.text.split()[0]
            assert greeting == after[0]["envVars"]["GREETING"]
        # The next change works at the first try, whatever was interrupted.
        assert gateway.delete("server").status == (202 if after else 404)
        assert gateway.deploy("server", "server", envVars=variables(gateway, "v0")).status == 202
        assert len(gateway.ask("GET", "/system/functions").json()) == 1


def move_traffic(gateway, number):
    """A canary begins, is promoted, or ends."""
    with contextlib.suppress(OSError):
        if number % 3 == 1:
            share = {"com.faas.traffic": "50"}
            gateway.update("server", "server", envVars=variables(gateway, f"v{number}"), annotations=share)
        elif number % 3 == 2:
            gateway.ask("POST", "/system/function/server/promote")
        else:
            gateway.ask("DELETE", "/system/function/server/traffic")


def test_a_canary_that_is_cut_off_can_be_ended_or_begun_again(gateway):
    chance = random.Random(11)
    gateway.deploy("server", "server", envVars=variables(gateway, "v0"))
    for number in range(1, ROUNDS + 1):
        worker = threading.Thread(target=move_traffic, args=(gateway, number))
        worker.start()
        time.sleep(chance.uniform(0, 0.4))
        gateway.kill()
        worker.join()
        gateway.start()

        seen = {gateway.call("server", b"x").text.split()[0] for _ in range(10)}
        assert seen <= {f"v{each}" for each in range(number + 1)}, seen
        if number % 3 == 0:
            # Whatever is left of it ends at the first try.
            assert gateway.ask("DELETE", "/system/function/server/traffic").status in (202, 404)
            assert gateway.ask("GET", "/system/function/server--canary").status == 404
            assert [each["weight"] for each in gateway.ask("GET", "/system/function/server/traffic").json()] == [100]


def test_nothing_runs_after_the_gateway_has_stopped(gateway, wait_for):
    gateway.deploy("server", "server", envVars=variables(gateway, "v0"), labels={"com.openfaas.scale.min": "2"})
    gateway.wait_available("server", 2)
    assert len(processes_of(gateway.state)) >= 4

    gateway.stop()

    wait_for(lambda: processes_of(gateway.state) == [])
