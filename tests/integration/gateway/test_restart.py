"""`faas gateway restart`: a new process takes over the sockets, and no call is lost."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.gateways import SERVER, Gateway

ROOT = Path(__file__).resolve().parents[3]


class Commanded(Gateway):
    """A gateway started and restarted by the command line."""

    def __init__(self, state, *options):
        super().__init__(state, *options)
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
            "FAAS_STATE_DIR": str(state),
            "OPENFAAS_CONFIG": str(state / "config"),
        }

    def faas(self, *arguments):
        script = "from faas_cli.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def announced(self):
        return json.loads((self.state / "gateway.json").read_text())

    def start(self, *options):
        started = self.faas("gateway", "start", "--port", "0", "--metrics-port", "0", *options)
        assert started.returncode == 0, started.stderr
        self.url = self.announced()["url"]
        return self

    def log(self):
        return (self.state / "gateway.log").read_text()


@pytest.fixture
def gateway(tmp_path, watchdog_binary):
    """A gateway with a function of two replicas that stay."""
    found = Commanded(tmp_path / "state")
    found.state.mkdir()
    environment = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    found.add_image("server", {"server.py": SERVER}, environment, {"io.faas.upstream-port-env": "PORT"})
    yield found
    found.faas("gateway", "stop")


def load(gateway, over, results):
    """Make calls over new connections until `over`, and count the results."""
    parts = urlsplit(gateway.url)
    while not over.is_set():
        try:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
            try:
                connection.request("POST", "/function/server", b"x")
                answer = connection.getresponse()
                body = answer.read()
            finally:
                connection.close()
            results[answer.status if body.startswith(b"hello x") else f"{answer.status} {body!r}"] += 1
        except OSError as error:
            results[repr(error)] += 1


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("begin", "then"), [([], []), (["--workers", "2"], []), ([], ["--workers", "2"])])
def test_no_call_is_refused_or_lost(gateway, wait_for, begin, then):
    """Under load, over new connections, through two restarts."""
    # On a busy machine a client may need more than the default half second from its connection to its request.
    gateway.start(*begin, "--drain-timeout", "5s")
    gateway.deploy("server", "server", labels={"com.openfaas.scale.min": "2"})
    gateway.wait_available("server", 2)
    over, results = threading.Event(), Counter()
    callers = [threading.Thread(target=load, args=(gateway, over, results)) for _ in range(8)]
    for caller in callers:
        caller.start()
    try:
        wait_for(lambda: results[200] > 20)
        for _ in range(2):
            before, count = gateway.announced(), results[200]
            answer = gateway.faas("gateway", "restart", *then)
            assert answer.returncode == 0, (answer.stderr, gateway.log())
            after = gateway.announced()
            assert answer.stdout == f"Gateway: {gateway.url} (process {after['pid']})\n"
            assert (after["url"], after["pid"] != before["pid"]) == (before["url"], True)
            wait_for(lambda pid=before["pid"]: not is_running(pid), 30)
            wait_for(lambda count=count: results[200] > count + 20)
    finally:
        over.set()
        for caller in callers:
            caller.join()

    assert set(results) == {200}, results
    gateway.wait_available("server", 2)


def test_calls_that_run_are_finished_by_the_old_gateway(gateway, wait_for):
    gateway.start()
    gateway.deploy("server", "server")
    connection = gateway.connection(timeout=60)
    connection.request("POST", "/function/server", b"long", {"X-Sleep": "3"})
    old = gateway.announced()["pid"]

    assert gateway.faas("gateway", "restart").returncode == 0
    quick = gateway.call("server", b"quick")
    answer = connection.getresponse()

    assert quick.text.startswith("hello quick from ")
    assert answer.read().startswith(b"hello long from ")
    wait_for(lambda: not is_running(old), 30)
    assert gateway.call("server", b"later").text.startswith("hello later")


def test_control_api_queue_and_unix_socket_survive_a_restart(gateway, wait_for):
    """All three work as before, with the options of the restart."""
    path = gateway.state / "proxy.sock"
    gateway.start("--unix", str(path))
    gateway.deploy("server", "server")

    assert gateway.faas("gateway", "restart", "--access-log", "json").returncode == 0

    assert gateway.scale("server", 2).status in (200, 202)
    gateway.wait_available("server", 2)
    call_id = gateway.ask("POST", "/async-function/server", b"queued").headers["X-Call-Id"]
    wait_for(lambda: gateway.ask("GET", f"/system/async/{call_id}").json().get("state") == "done")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /function/server HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")
    wait_for(lambda: '"target":"/function/server"' in gateway.log())
    assert gateway.faas("gateway", "stop").stdout == "Gateway stopped.\n"
    assert not path.exists()
    assert not list(gateway.state.glob("*.sock"))


def test_new_gateway_that_does_not_start_changes_nothing(gateway, certificate):
    """The old one continues, and the command prints the reason."""
    gateway.start("--tls-cert", str(certificate))
    before = gateway.announced()
    certificate.write_text("invalid")

    answer = gateway.faas("gateway", "restart")

    assert answer.returncode == 1
    assert "faas: the restart failed, nothing changed: " in answer.stderr
    assert str(certificate) in answer.stderr
    assert gateway.announced() == before
    assert gateway.faas("gateway", "status").returncode == 0


def test_new_gateway_that_dies_while_starting_changes_nothing(gateway, wait_for):
    """It is killed after the old one has closed its control API, which is opened again."""
    gateway.start()
    gateway.deploy("server", "server")
    before = gateway.announced()
    answers = []
    restarting = threading.Thread(target=lambda: answers.append(gateway.faas("gateway", "restart")))
    restarting.start()
    # The lock file has its process ID once it owns the state directory.
    lock = gateway.state / "gateway.lock"
    new = wait_for(lambda: (text := lock.read_text().strip()) and text != str(before["pid"]) and int(text))
    os.kill(new, signal.SIGKILL)
    restarting.join()

    answer = answers[0]
    assert answer.returncode == 1, answer.stdout
    assert gateway.call("server", b"x").status == 200
    after = gateway.announced()
    assert (after["pid"], after["url"]) == (before["pid"], before["url"])
    assert gateway.scale("server", 2).status in (200, 202)
    gateway.wait_available("server", 2)
    call_id = gateway.ask("POST", "/async-function/server", b"queued").headers["X-Call-Id"]
    wait_for(lambda: gateway.ask("GET", f"/system/async/{call_id}").json().get("state") == "done")


def test_restart_without_a_gateway(gateway):
    answer = gateway.faas("gateway", "restart")

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"faas: no gateway is running in `{gateway.state}`\n  hint: start one")


def test_systemd_is_notified_of_the_new_process(gateway):
    """As with `Type=notify`: ready, then another main process."""
    path = gateway.state / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(20)
        gateway.environment["NOTIFY_SOCKET"] = str(path)
        gateway.start()
        assert supervisor.recv(100) == b"READY=1"

        assert gateway.faas("gateway", "restart").returncode == 0

        received = {supervisor.recv(100), supervisor.recv(100)}
        assert received == {b"READY=1", f"MAINPID={gateway.announced()['pid']}".encode()}


def test_the_control_api_keeps_its_own_address(gateway):
    """The next gateway inherits that socket, too."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    gateway.start("--control-port", str(port))
    before = gateway.announced()
    assert gateway.faas("gateway", "restart").returncode == 0, gateway.log()
    after = gateway.announced()
    assert (urlsplit(before["url"]).port, after["url"]) == (port, before["url"])
    assert after["pid"] != before["pid"]
    assert gateway.ask("GET", "/system/functions").status == 200
