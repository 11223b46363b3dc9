"""Functions in the sandbox of this machine: what they see, what ends with them, what the gateway says about it."""

import json
import os
import signal
import sys
import time

import pytest

from faas_runtime.core.isolation import NAMESPACES, probe_machine
from faas_runtime.providers.process.places import Places
from tests.gateways import SERVER, Gateway, build_watchdog, wait_for

LOOK = """
import json, os, sys
if sys.stdin.read() == "stay":
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for each in (0, 1, 2):
                os.close(each)
            os.execvp("sleep", ["sleep", "86399"])
        os._exit(0)
    os.wait()
try:
    root = sorted(os.listdir("/"))
except PermissionError:  # at the level `landlock`
    root = []
found = {"fds": [], "root": root, "pid": os.getpid(), "uid": os.getuid()}
for name in os.listdir("/proc/self/fd"):
    try:
        found["fds"].append(os.readlink("/proc/self/fd/" + name))
    except OSError:
        pass
secrets = os.environ["secret_mount_path"]
found["secrets"] = {"at": secrets, "key": os.path.exists(secrets + "/key") and open(secrets + "/key").read()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def offer():
    build_watchdog()
    return probe_machine()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, offer):
    found = Gateway(tmp_path_factory.mktemp("isolation") / "state", "--isolation", "standard")
    found.state.mkdir()
    found.add_image("look", {"look.py": LOOK}, {"fprocess": f"{sys.executable} look.py"})
    http = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    found.add_image("fixed", {"server.py": SERVER}, http)
    found.start()
    yield found
    found.stop()


def look(gateway, body=b""):
    answer = gateway.call("look", body)
    assert answer.status == 200, answer
    return json.loads(answer.text)


def log_lines(gateway, name):
    lines = gateway.ask("GET", f"/system/logs?name={name}&follow=0").text.splitlines()
    return [json.loads(line)["text"] for line in lines]


@pytest.mark.parametrize("wish", ["none", "standard"])
def test_a_function_gets_no_descriptor_of_the_gateway(gateway, wish):
    """Not its listening socket, its logs or its database: only pipes of its own."""
    gateway.deploy("look", "look", annotations={"com.faas.isolation": wish})
    left = [each for each in look(gateway)["fds"] if not each.startswith(("pipe:", "/proc/", "/dev/null"))]
    gateway.delete("look")
    wait_for(lambda: gateway.ask("GET", "/system/function/look").status == 404)
    assert not left


def test_a_function_sees_files_and_users_of_its_own(gateway, offer):
    if offer.level != NAMESPACES:
        pytest.skip(f"this machine offers {offer.level} only")
    gateway.ask("POST", "/system/secrets", {"name": "key", "value": "one"})
    gateway.deploy("look", "look", secrets=["key"])
    found = look(gateway)
    assert not {"boot", "sys", "mnt"} & set(found["root"])
    assert found["pid"] < 100
    assert found["secrets"] == {"at": "/var/openfaas/secrets", "key": "one"}
    gateway.ask("PUT", "/system/secrets", {"name": "key", "value": "two"})
    assert look(gateway)["secrets"]["key"] == "two"
    status = gateway.status("look")["isolation"]
    assert (status["wish"], status["level"], status["guarded"]) == ("standard", "namespaces", offer.has("guard"))
    assert log_lines(gateway, "look")[0].startswith("isolation: namespaces; network host")
    gateway.delete("look")


def test_an_image_that_only_its_owner_reads(gateway):
    """As root the function has a user number of its own, and reads its image all the same."""
    gateway.add_image("private", {"look.py": LOOK}, {"fprocess": f"{sys.executable} look.py"}, mode=0o700)
    gateway.deploy("look", "private")
    assert look(gateway)
    gateway.delete("look")


def test_a_function_that_takes_more_memory_than_its_limit_is_ended(gateway):
    """At once where a control group limits it, after a moment where it is measured."""
    code = "import time; found = bytearray(b'x') * (256 << 20); time.sleep(5); print(len(found))"
    gateway.add_image("hungry", {"hungry.py": code}, {"fprocess": f"{sys.executable} hungry.py"})
    gateway.deploy("hungry", "hungry", limits={"memory": "64Mi"})
    assert gateway.call("hungry").status >= 500
    reasons = "killed: more memory than its limit of 64 MiB", "takes more than its limit of 64 MiB and is killed"
    wait_for(lambda: any(reason in line for line in log_lines(gateway, "hungry") for reason in reasons))
    gateway.delete("hungry")


@pytest.mark.parametrize("wish", ["none", "standard"])
def test_what_a_function_started_ends_with_it(gateway, wish):
    """Also in a session of its own."""
    gateway.deploy("look", "look", annotations={"com.faas.isolation": wish})
    look(gateway, b"stay")
    (orphan,) = gateway.processes("86399")
    gateway.delete("look")
    wait_for(lambda: not alive(orphan), 15)


def test_how_a_function_is_isolated_is_logged_at_each_start_of_the_gateway(gateway, offer):
    gateway.deploy("look", "look")
    gateway.stop()
    gateway.start()
    look(gateway)
    lines = [line for line in log_lines(gateway, "look") if line.startswith(f"isolation: {offer.level}; ")]
    gateway.delete("look")
    assert len(lines) == 2


def test_nothing_outlives_a_killed_launcher(gateway, offer):
    """Its death is the end of the replica, and another is started."""
    if offer.level != NAMESPACES:
        pytest.skip(
            f"this machine offers {offer.level} only: what left its session ends with the next search for left-overs"
        )
    gateway.deploy("look", "look")
    look(gateway, b"stay")
    (orphan,) = gateway.processes("86399")
    for launcher in gateway.processes("-isolate"):
        os.kill(launcher, signal.SIGKILL)
    wait_for(lambda: not alive(orphan), 15)
    wait_for(lambda: gateway.call("look").status == 200, 15)
    gateway.delete("look")


def test_replicas_of_an_image_with_a_fixed_port(gateway, offer):
    """Each has a loopback address of its own."""
    if not offer.has("guard"):
        pytest.skip("this machine offers no network guard")
    answer = gateway.deploy("fixed", "fixed", labels={"com.openfaas.scale.min": "2"})
    assert answer.status == 202, answer
    gateway.wait_available("fixed", 2)
    wait_for(lambda: len({gateway.call("fixed").text.split()[-1] for _ in range(4)}) == 2)
    gateway.delete("fixed")


def test_strict_is_refused_or_kept(gateway, offer):
    answer = gateway.deploy("look", "look", annotations={"com.faas.isolation": "strict"})
    if offer.level == NAMESPACES and offer.has("guard"):
        assert gateway.status("look")["isolation"]["network"] == "internet"
        assert look(gateway)
        gateway.delete("look")
    else:
        assert (answer.status, "isolation strict" in answer.text) == (400, True)


def test_a_function_without_a_network_is_still_called(gateway, offer):
    if offer.level != NAMESPACES:
        pytest.skip(f"this machine offers {offer.level} only")
    wait_for(lambda: gateway.ask("GET", "/system/function/look").status == 404)
    answer = gateway.deploy("look", "look", annotations={"com.faas.network": "none"})
    assert answer.status == 202, answer
    assert look(gateway)
    gateway.delete("look")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_is_left_in_the_end(tmp_path, offer):
    """No mount, process, group, socket or folder, after the last replica has ended."""
    gateway = Gateway(tmp_path / "state", "--isolation", "standard")
    gateway.state.mkdir()
    gateway.add_image("look", {"look.py": LOOK}, {"fprocess": f"{sys.executable} look.py"})
    gateway.start()
    for _ in range(3):
        gateway.deploy("look", "look", limits={"memory": "128Mi", "cpu": "1"})
        look(gateway)
        gateway.delete("look")
        wait_for(lambda: gateway.ask("GET", "/system/function/look").status == 404)
    gateway.stop()
    time.sleep(0.2)
    with open("/proc/self/mountinfo") as file:
        assert str(gateway.state) not in file.read()
    places = Places(gateway.state)
    left = [path for folder in (places.replicas, places.marks, places.sockets()) for path in folder.iterdir()]
    assert not left
