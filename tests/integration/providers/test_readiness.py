"""When a replica takes calls, whatever stands in front of its function."""

import asyncio
import socket

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.common.readiness import Probe, ProbeTarget, is_ready, listens, probe_of

OURS = "X-Watchdog: faas\r\n"


def ready(answers, probe, age=100.0):
    """Whether a replica with these answers (path to status and headers) is ready."""

    async def respond(reader, writer):
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        status, headers = answers[path]
        writer.write(f"HTTP/1.1 {status} x\r\n{headers}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def scenario():
        server = await asyncio.start_server(respond, "127.0.0.1", 0)
        async with server:
            return await is_ready(ProbeTarget("127.0.0.1", server.sockets[0].getsockname()[1], age), probe)

    return asyncio.run(scenario())


def deployment(annotations=None, **variables):
    return FunctionDeployment(service="fn", image="fn", annotations=annotations, env_vars=variables)


@pytest.mark.parametrize(
    ("answers", "probe", "age", "expected"),
    [
        ({"/_/health": (200, OURS), "/_/ready": (200, "")}, Probe(upstream_port=5000), 0, True),
        ({"/_/health": (200, OURS), "/_/ready": (503, "")}, Probe(upstream_port=5000), 9, False),
        ({"/_/health": (200, OURS), "/_/ready": (429, "")}, Probe(), 0, True),
        ({"/_/health": (503, "")}, Probe(), 9, False),
        ({"/_/health": (200, "")}, Probe(upstream_port=5000), 1, False),
        ({"/_/health": (200, "")}, Probe(upstream_port=5000), 3, True),
        ({"/_/health": (200, "")}, Probe(upstream_port=5000, initial_delay=5), 3, False),
        ({"/_/health": (200, "")}, Probe(upstream_port=0), 0, True),
        ({"/_/health": (200, "")}, Probe(), 1, False),
        ({"/_/health": (404, "")}, Probe(), 0, True),
        ({"/healthz": (204, "")}, Probe(path="/healthz"), 0, True),
        ({"/healthz": (500, OURS)}, Probe(path="/healthz"), 9, False),
        ({"/healthz": (200, "")}, Probe(path="/healthz", initial_delay=2), 1, False),
    ],
)
def test_ready(answers, probe, age, expected):
    """Our watchdog speaks for its function; behind another one the function is looked for, or given time."""
    assert ready(answers, probe, age) is expected


def test_nothing_answers():
    """That is not ready either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert asyncio.run(is_ready(ProbeTarget("127.0.0.1", port, 9), Probe(timeout=0.5))) is False


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"com.openfaas.ready.http.path": "/up"}, Probe(path="/up", upstream_port=0)),
        ({"com.openfaas.health.http.path": "/up"}, Probe(path="/up", upstream_port=0)),
        ({"com.openfaas.health.http.path": "/_/health"}, Probe(upstream_port=0)),
        ({"com.openfaas.ready.http.initialDelaySeconds": "3"}, Probe(initial_delay=3, upstream_port=0)),
        ({"com.openfaas.health.http.initialDelay": "1m"}, Probe(initial_delay=60, upstream_port=0)),
        ({"com.openfaas.ready.http.periodSeconds": "2"}, Probe(period=2, upstream_port=0)),
    ],
)
def test_annotations(annotations, expected):
    """OpenFaaS's, the older spelling too; the ready probe wins over the health probe."""
    assert probe_of(deployment(annotations), {}) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("ready.http.path", "up"), ("ready.http.path", "/a b"), ("health.http.periodSeconds", "soon")]
)
def test_annotations_that_cannot_be_read(name, value):
    """The annotation and its value are named."""
    with pytest.raises(Invalid, match=f"`{value}`"):
        probe_of(deployment({f"com.openfaas.{name}": value}), None)


@pytest.mark.parametrize(
    ("image", "variables", "port"),
    [
        ({"mode": "http", "upstream_url": "http://127.0.0.1:3000"}, {}, 3000),
        ({"mode": "http"}, {"http_upstream_url": "127.0.0.1:8000/"}, 8000),
        ({"mode": "http", "upstream_url": "http://localhost"}, {}, 80),
        ({"mode": "streaming"}, {}, 0),
        ({}, {}, 0),
        (None, {}, None),
    ],
)
def test_the_port_of_the_function(image, variables, port):
    """By the watchdog's variables, of image and deployment."""
    assert probe_of(deployment(**variables), image).upstream_port == port


def test_listening_as_the_kernel_shows_it(tmp_path):
    """IPv4 and IPv6; only sockets that listen; unknown where the tables cannot be read."""
    folder = tmp_path / "7" / "net"
    folder.mkdir(parents=True)
    head = "  sl  local_address rem_address   st\n"
    (folder / "tcp").write_text(f"{head}   0: 0100007F:0BB8 00000000:0000 01\n   1: 0100007F:1388 00000000:0000 0A\n")
    (folder / "tcp6").write_text(f"{head}   0: {'0' * 32}:1F90 {'0' * 32}:0000 0A\n")
    assert [listens(7, port, tmp_path) for port in (3000, 5000, 8080)] == [False, True, True]
    assert listens(8, 5000, tmp_path) is None
