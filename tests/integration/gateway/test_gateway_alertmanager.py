"""The real Prometheus and Alertmanager scale a function up and down, with the files of docs/monitoring."""

import json
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "docs/monitoring"
PROGRAMS = {name: shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")}

pytestmark = pytest.mark.skipif(
    None in PROGRAMS.values(), reason="no Prometheus: `apt-get install prometheus prometheus-alertmanager` gets it"
)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def running(*command, log):
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def quick(text):
    """The published files, with seconds made shorter so that the test is."""
    shorter = {"scrape_interval: 5s": "scrape_interval: 1s", "evaluation_interval: 5s": "evaluation_interval: 1s"}
    shorter |= {"group_wait: 5s": "group_wait: 1s", "group_interval: 10s": "group_interval: 1s"}
    shorter |= {"repeat_interval: 30s": "repeat_interval: 2s", "for: 5s": "for: 1s", "[10s]": "[5s]"}
    for long, short in shorter.items():
        text = text.replace(long, short)
    return text


@pytest.fixture
def monitored(gateway, tmp_path):
    """Prometheus and Alertmanager beside the gateway."""
    metrics, alerts = free_port(), free_port()
    gateway.stop()
    gateway.options += ["--metrics-port", str(metrics)]
    gateway.start()
    addresses = {
        "127.0.0.1:8082": f"127.0.0.1:{metrics}",
        "127.0.0.1:9093": f"127.0.0.1:{alerts}",
        "http://127.0.0.1:8080": gateway.url,
        "/path/to/state": str(gateway.state),
    }
    for name in ("prometheus.yml", "busy-functions.yml", "alertmanager.yml"):
        text = quick((FILES / name).read_text())
        for published, ours in addresses.items():
            text = text.replace(published, ours)
        (tmp_path / name).write_text(text)
    prometheus = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    alertmanager = [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/alerts"]
    alertmanager += [f"--web.listen-address=127.0.0.1:{alerts}", "--cluster.listen-address="]
    web = f"--web.listen-address=127.0.0.1:{free_port()}"
    with running(PROGRAMS["prometheus"], *prometheus, web, log=tmp_path / "prometheus.log"):
        with running(PROGRAMS["prometheus-alertmanager"], *alertmanager, log=tmp_path / "alertmanager.log"):
            yield gateway


def test_a_busy_function_is_scaled_up_and_back(monitored, wait_for):
    gateway = monitored
    gateway.deploy("server", "server", labels={"com.openfaas.scale.factor": "40"})
    over = threading.Event()

    def load():
        while not over.wait(0.02):
            gateway.call("server", b"x")

    client = threading.Thread(target=load)
    client.start()
    try:
        wait_for(lambda: gateway.status("server").get("replicas") == 5, 60)
    finally:
        over.set()
        client.join()
    wait_for(lambda: gateway.status("server").get("replicas") == 1, 60)


def test_the_dashboard_asks_for_metrics_that_exist(monitored, wait_for):
    monitored.deploy("echo")
    monitored.update("echo", annotations={"com.faas.traffic": "50"})
    monitored.call("echo")
    port = monitored.options[-1]

    def page():
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    board = json.loads((FILES / "grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    names = {name for text in expressions for name in re.findall(r"\b(?:gateway|faas|process)_\w+", text)}
    monitored.ask("POST", "/async-function/echo")
    wait_for(lambda: "faas_queue_calls{" in page())
    shown = page()
    assert {name for name in names if f"\n{name}" not in shown} == set()
