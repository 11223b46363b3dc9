"""Other providers: fields they leave out, and how they fail."""

import asyncio
import base64
import contextlib
import http.server
import json
import socket
import threading

import pytest

from faas_runtime.core.api import DEFAULT_NAMESPACE, ZERO_TIME, FunctionDeployment, Secret
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound, Unavailable, Unsupported
from faas_runtime.providers.base import FunctionKey, LogQuery, RouteRemoved, RouteUpdate
from faas_runtime.providers.remote import RemoteProvider

KEY = FunctionKey("echo", DEFAULT_NAMESPACE)
ECHO = {"name": "echo", "image": "i", "labels": None, "replicas": 1, "availableReplicas": 1}


class Foreign:
    """A provider that responds with the test's `answers`, and records its requests."""

    def __init__(self):
        self.answers = {("GET", "/system/functions"): (200, [ECHO])}
        self.asked = []
        foreign = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                foreign.asked.append((self.command, path, query, body, self.headers))
                status, value = foreign.answers.get((self.command, path), (404, "page not found"))
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def provider(self):
        return RemoteProvider(self.url, "me", "pass:word")


@pytest.fixture
def foreign():
    found = Foreign()
    with found.server:
        thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.server.shutdown()
        thread.join()


def run(work):
    """The value of a coroutine, with a timeout of seconds."""
    return asyncio.run(asyncio.wait_for(work, 20))


def test_a_provider_without_namespaces_has_the_default_one(foreign):
    for answer in ((404, "404 page not found"), (200, []), (200, None), (501, b"")):
        foreign.answers["GET", "/system/namespaces"] = answer
        assert run(foreign.provider().list_namespaces()) == [DEFAULT_NAMESPACE]


def test_what_a_status_lacks_is_filled_in(foreign):
    (found,) = run(foreign.provider().list(DEFAULT_NAMESPACE))

    assert (found.namespace, found.created_at, found.labels) == (DEFAULT_NAMESPACE, ZERO_TIME, None)
    foreign.answers["GET", "/system/functions"] = (200, None)
    assert run(foreign.provider().list(DEFAULT_NAMESPACE)) == []


def test_who_we_are_and_what_we_mean_is_said_everywhere_providers_refresh(foreign):
    foreign.answers["POST", "/system/functions"] = (202, b"")
    foreign.answers["DELETE", "/system/functions"] = (202, b"")
    foreign.answers["POST", "/system/scale-function/echo"] = (202, b"")

    async def work():
        provider = foreign.provider()
        await provider.deploy(FunctionDeployment(service="echo", image="i", namespace="n"))
        await provider.scale(FunctionKey("echo", "n"), 0)
        await provider.delete(FunctionKey("echo", "n"))

    run(work())
    pair = base64.b64encode(b"me:pass:word").decode()
    assert {headers["Authorization"] for *_, headers in foreign.asked} == {f"Basic {pair}"}
    changes = [(method, query, json.loads(body)) for method, _, query, body, _ in foreign.asked if method != "GET"]
    assert changes == [
        ("POST", "namespace=n", {"service": "echo", "image": "i", "namespace": "n"}),
        ("POST", "namespace=n", {"serviceName": "echo", "replicas": 0, "namespace": "n"}),
        ("DELETE", "namespace=n", {"functionName": "echo", "namespace": "n"}),
    ]


@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        (400, Invalid, "it is wrong"),
        (422, Invalid, "it is wrong"),
        (404, NotFound, "it is wrong"),
        (405, Unsupported, "it is wrong"),
        (409, AlreadyExists, "it is wrong"),
        (501, Unsupported, "it is wrong"),
        (401, Unavailable, "does not accept the user and password"),
        (500, Unavailable, "answered POST /system/secrets with 500: it is wrong"),
        (302, Unavailable, "with 302"),
    ],
)
def test_faults_are_told_apart(foreign, status, fault, words):
    foreign.answers["POST", "/system/secrets"] = (status, b" it is wrong\n")

    with pytest.raises(fault) as caught:
        run(foreign.provider().create_secret(Secret(name="key", value="geheim")))

    assert type(caught.value) is fault or issubclass(type(caught.value), fault)
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_fault_without_words_names_the_request(foreign):
    foreign.answers["POST", "/system/secrets"] = (409, b"")

    with pytest.raises(AlreadyExists, match=r"answered POST /system/secrets with 409$"):
        run(foreign.provider().create_secret(Secret(name="key", value="x")))


@pytest.mark.parametrize("body", [b"<html>", b'{"name":1}', b"[1]", b"\xff", b"[" * 100_000, b'"x"'])
def test_an_answer_that_is_something_else_is_no_answer(foreign, body):
    foreign.answers["GET", "/system/functions"] = (200, body)

    with pytest.raises(Unavailable, match="with unexpected content"):
        run(foreign.provider().list(DEFAULT_NAMESPACE))


def test_a_provider_that_keeps_no_logs_says_so_of_functions_that_are_there(foreign):
    async def read():
        return [line async for line in foreign.provider().logs(LogQuery(KEY, tail=3))]

    with pytest.raises(NotFound):
        run(read())
    foreign.answers["GET", "/system/function/echo"] = (200, ECHO)
    with pytest.raises(Unsupported, match="keeps no logs"):
        run(read())
    assert ("GET", "/system/logs", "name=echo&namespace=openfaas-fn&follow=false&tail=3") in [
        each[:3] for each in foreign.asked
    ]


def test_routes_follow_the_providers_list(foreign):
    foreign.answers["DELETE", "/system/functions"] = (202, b"")

    async def work():
        provider = foreign.provider()
        await provider.start()
        changes = provider.watch()
        try:
            here = await anext(changes)
            foreign.answers["GET", "/system/functions"] = (200, [{**ECHO, "availableReplicas": 0}])
            starting = await anext(changes)
            foreign.answers["GET", "/system/functions"] = (200, [ECHO])
            again = await anext(changes)
            foreign.answers["GET", "/system/functions"] = (500, "it is broken")
            with contextlib.suppress(Unavailable):
                await provider.delete(KEY)
            assert "it is broken" in (await provider.health())["remote"]
            foreign.answers["GET", "/system/functions"] = (200, [])
            gone = await anext(changes)
            assert await provider.health() == {"remote": "ok"}
            return here, starting, again, gone
        finally:
            await changes.aclose()
            await provider.close()

    here, starting, again, gone = run(work())
    assert isinstance(here, RouteUpdate)
    assert (here.endpoints[0].prefix, here.replicas) == ("/function/echo.openfaas-fn", 1)
    assert (starting.endpoints, starting.replicas) == ((), 1)
    assert (again, gone) == (here, RouteRemoved(KEY))


class Raw:
    """Answers every connection with given bytes and hangs up."""

    def __init__(self, answer):
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                with self._socket.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(self._answer)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed before the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]", "closed before the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", "closed before the end"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
    ],
)
def test_a_broken_answer_is_no_answer(answer, words):
    with contextlib.closing(Raw(answer)) as raw, pytest.raises(Unavailable, match=words):
        run(RemoteProvider(raw.url, "", "").list(DEFAULT_NAMESPACE))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_every_way_to_end_a_body_is_understood(answer):
    with contextlib.closing(Raw(answer)) as raw:
        assert run(RemoteProvider(raw.url, "", "").list(DEFAULT_NAMESPACE)) == []
