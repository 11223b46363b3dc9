"""Crashes, restarts, addresses and credentials of a gateway."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from faas_cli.gateway.local import process

ROOT = Path(__file__).resolve().parents[3]


def instances(gateway):
    return {path.name for path in (gateway.state / "process/replicas").iterdir()}


def test_functions_answer_again_after_kill_9(gateway, wait_for):
    """And nothing of the killed gateway's processes is left."""
    gateway.deploy("server", "server", labels={"com.openfaas.scale.min": "2"})
    gateway.wait_available("server", 2)
    old = {gateway.call("server").text.split()[-1] for _ in range(10)}
    processes = gateway.processes("server.py")
    assert len(processes) == 2

    gateway.kill()
    gateway.start()

    new = gateway.call("server", b"x").text.split()[-1]
    assert new not in old
    gateway.wait_available("server", 2)
    wait_for(lambda: not any(is_running(pid) for pid in processes))


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_process_that_dies_is_started_again(gateway, wait_for):
    gateway.deploy("server", "server")
    process = gateway.call("server").text.split()[-1]

    os.kill(gateway.processes("server.py")[0], signal.SIGKILL)

    wait_for(lambda: (answer := gateway.call("server")).status == 200 and not answer.text.endswith(f" {process}"))
    assert gateway.status("server")["availableReplicas"] == 1


def test_stopping_finishes_the_calls_that_run(gateway):
    gateway.deploy("server", "server")
    answers = []
    with closing(gateway.connection()) as connection:
        connection.request("POST", "/function/server", b"last", {"X-Sleep": "1"})
        reader = threading.Thread(target=lambda: answers.append(connection.getresponse().read()))
        reader.start()
        gateway.stop()
        reader.join()

    assert answers[0].startswith(b"hello last")
    assert not (gateway.state / "gateway.json").exists()


def test_two_gateways_cannot_share_a_state_directory(gateway):
    second = subprocess.run(
        [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(gateway.state), "--port", "0"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert second.returncode == 1
    words = f"faas-gateway: a gateway runs already in `{gateway.state}` (process {gateway.process.pid})\n"
    assert second.stderr == words


@pytest.fixture
def faas(tmp_path):
    """The command line, with a state directory and a configuration of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
        "FAAS_STATE_DIR": str(tmp_path / "cli-state"),
        "OPENFAAS_CONFIG": str(tmp_path / "config"),
    }

    def run(*arguments):
        script = "from faas_cli.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, timeout=60
        )

    yield run
    run("gateway", "stop")


def test_a_gateway_is_started_found_and_stopped(faas, tmp_path, watchdog_binary):
    started = faas("gateway", "start", "--port", "0", "--metrics-port", "0")
    assert started.returncode == 0, started.stderr
    url = re.match(r"Gateway: (http://127\.0\.0\.1:\d+)\n", started.stdout)[1]
    assert url in (tmp_path / "config/config.yml").read_text()

    assert f"runs already: {url}" in faas("gateway", "start").stdout
    status = faas("gateway", "status")
    assert (status.returncode, url in status.stdout) == (0, True)
    assert f"listening on {url}" in faas("gateway", "logs").stdout

    assert faas("gateway", "stop").stdout == "Gateway stopped.\n"
    assert faas("gateway", "status").returncode == 1
    assert faas("gateway", "stop").stdout == "No gateway is running.\n"


def test_stopping_returns_once_the_process_has_ended(tmp_path):
    """The lock alone is released earlier. A zombie counts as ended: its parent may never ask for it."""
    code = (
        "import fcntl, os, signal, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print(os.getpid(), file=file, flush=True); signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});"
        "print('locked', flush=True); signal.sigwait({signal.SIGTERM}); file.close(); time.sleep(0.5)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "gateway.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        assert process.stop(tmp_path)
        assert holder.poll() == 0


def test_a_port_in_use_is_one_line_and_a_hint(faas, watchdog_binary):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = faas("gateway", "start", "--port", str(port), "--metrics-port", "0")

    assert answer.returncode == 1
    assert answer.stderr == f"faas: port {port} on 127.0.0.1 is in use\n  hint: choose another with `--port PORT`\n"


def test_no_password_on_a_public_address_must_be_said_twice(faas):
    answer = faas("gateway", "start", "--host", "0.0.0.0", "--no-auth")

    assert answer.returncode == 2
    assert "`--no-auth` twice" in answer.stderr


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic YWRtaW46d3Jvbmc=", "Bearer "])
def test_the_control_room_asks_for_the_password(gateway, header):
    answer = gateway.ask("GET", "/system/functions", headers={"Authorization": header}, auth=False)

    assert (answer.status, answer.text) == (401, "invalid credentials")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Restricted"'


@pytest.mark.parametrize("path", ["/system/functions", "/system/info", "/ui/", "/healthz", "/async-function/echo"])
def test_pages_of_other_sites_may_read_nothing(gateway, path):
    """There is no header that would let a browser hand an answer to them."""
    origin = {"Origin": "https://elsewhere.example", "Authorization": gateway.authorization()}
    for method, more in (("GET", {}), ("OPTIONS", {"Access-Control-Request-Method": "POST"})):
        answer = gateway.ask(method, path, None, {**origin, **more})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert (method, answer.status) != ("OPTIONS", 200)


def test_health_and_calls_need_no_password(gateway):
    gateway.deploy("echo")

    assert gateway.ask("GET", "/healthz").status == 200
    assert gateway.call("echo", b"x").status == 200


def test_metrics_show_calls_replicas_queue_and_loops(gateway, wait_for):
    gateway.stop()
    gateway.options[gateway.options.index("--metrics-port") + 1] = str(free_port())
    gateway.start()
    gateway.deploy("echo")
    gateway.call("echo")
    gateway.ask("POST", "/async-function/echo")

    def page():
        port = gateway.options[gateway.options.index("--metrics-port") + 1]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return answer.read().decode().splitlines()

    name = 'function_name="echo.openfaas-fn"'
    wait_for(lambda: f'faas_queue_calls{{{name},state="done"}} 1' in page())
    lines = page()
    for line in (
        f'gateway_function_invocation_total{{code="200",{name}}} 2',
        f"gateway_function_invocation_started{{{name}}} 2",
        f"gateway_service_count{{{name}}} 1",
        f"faas_function_replicas_ready{{{name}}} 1",
        *(f'faas_loop_up{{loop="{loop}"}} 1' for loop in ("routing", "statuses", "scaler", "cron", "queue")),
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_further_users_come_and_go_with_their_file(gateway):
    """The hash is of `secret`."""

    def status():
        return gateway.ask(
            "GET", "/system/info", headers={"Authorization": "Basic YWRhOnNlY3JldA=="}, auth=False
        ).status

    users = gateway.state / "users.htpasswd"
    assert status() == 401
    users.write_text("ada:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n")
    assert [status(), status()] == [200, 200]
    users.unlink()
    assert status() == 401
