"""Damaged, interrupted and left-over files of a state directory: one line each, and everything else goes on."""

import json
import stat
import sys
import time

import pytest

from tests.gateways import SERVER


def lines_of_health(gateway):
    answer = gateway.ask("GET", "/healthz")
    assert answer.status == 200
    return answer.text


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, None])
def test_half_a_file_is_set_aside(gateway, damage):
    """Each file of the state: a start, one line for each file, and the others are there. None cuts a file in half."""
    for name in ("lost", "kept"):
        assert gateway.deploy(name, image="echo").status == 202
    gateway.stop()
    process = gateway.state / "process"
    files = [process / "functions/openfaas-fn/lost.json", gateway.state / "versions/openfaas-fn/kept.json"]
    files += [process / "namespaces.json", gateway.state / "images/index.json"]
    files += [gateway.state / "traffic/openfaas-fn/kept.json"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.read_bytes() if path.exists() else json.dumps([{"name": "x"}]).encode()
        path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    gateway.start()

    assert [each["name"] for each in gateway.ask("GET", "/system/functions").json()] == ["kept"]
    assert gateway.call("kept", b"x").body == b"x"
    gateway.ask("GET", "/system/function/kept/versions")
    assert gateway.deploy("after", image="gone").status == 400
    health = lines_of_health(gateway)
    for path in files:
        assert f"`{path}` is damaged" in health
        assert list(path.parent.glob(f"{path.name}.damaged-*"))
    assert "function lost.openfaas-fn is lost" in health
    assert "Traceback" not in gateway.log()


def test_a_failed_deployment_leaves_nothing(gateway):
    """No folder of a replica, and so no secret in plain."""
    assert gateway.ask("POST", "/system/secrets", {"name": "key", "value": "top-secret"}).status == 201
    for env in ({"fprocess": "false", "mode": "http", "upstream_url": "http://127.0.0.1:1"}, {"mode": "no-such-mode"}):
        assert gateway.deploy("broken", secrets=["key"], envVars=env).status == 400
    assert gateway.deploy("broken", secrets=["ghost"]).status == 400
    gateway.stop()
    held = [path for path in gateway.state.rglob("*") if path.is_file() and b"top-secret" in path.read_bytes()]
    assert held == [gateway.state / "secrets/openfaas-fn/key"]


def test_what_an_interrupted_write_left_is_deleted(gateway):
    """It may be a secret."""
    gateway.stop()
    left = [gateway.state / name for name in (".new-1", "secrets/.new-2", "process/functions/n/.new-3")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("top-secret")
    gateway.start()
    assert not any(path.exists() for path in left)


def test_draining_replicas_leave_the_log_of_the_next_function_alone(gateway, wait_for):
    """A function is deleted during a call, and another one deployed under its name."""
    assert gateway.deploy("server").status == 202
    gateway.deploy("server", "server")
    gateway.delete("server")
    assert gateway.deploy("server", "server").status == 202
    connection = gateway.connection()
    connection.request("POST", "/function/server", b"", {"X-Sleep": "2"})
    time.sleep(0.5)
    assert gateway.delete("server").status == 202
    assert gateway.deploy("server", "server").status == 202
    assert gateway.call("server", b"new").status == 200
    assert connection.getresponse().status == 200
    connection.close()
    log = gateway.state / "process/logs/openfaas-fn/server.log"
    wait_for(lambda: "served" in log.read_text())
    time.sleep(1.0)  # the old replica has ended
    assert "served" in log.read_text()


FLOOD = """
import sys, threading

def flood():
    for number in range(100_000):
        print("line", number, "x" * 200)

threading.Thread(target=flood, daemon=True).start()
"""


def test_a_flood_of_lines_is_bounded_and_counted(gateway, wait_for):
    """What is dropped is in the log; neighbours are answered meanwhile."""
    environment = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    gateway.add_image("flood", {"server.py": FLOOD + SERVER}, environment, {"io.faas.upstream-port-env": "PORT"})
    assert gateway.deploy("echo").status == 202
    assert gateway.deploy("flood", "flood").status == 202
    slowest = 0.0
    for _ in range(30):
        began = time.monotonic()
        assert gateway.call("echo", b"x").body == b"x"
        slowest = max(slowest, time.monotonic() - began)
    wait_for(lambda: "lines were dropped" in gateway.ask("GET", "/system/logs?name=flood").text, 60)
    assert slowest < 2.0
    assert sum(path.stat().st_size for path in (gateway.state / "process/logs/openfaas-fn").iterdir()) < 6 << 20


def test_files_of_the_state_are_private(gateway):
    """Nobody else can enter the folder."""
    assert stat.S_IMODE(gateway.state.stat().st_mode) & 0o007 == 0
