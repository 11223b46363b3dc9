"""The server of the template python-http: connections, framing, applications, and how it ends."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from faas_cli.templates.find import builtin_folder


class Function:
    """A handler served by the template's own program."""

    def __init__(self, folder, source):
        for path in (builtin_folder() / "python-http").glob("*.py"):
            shutil.copy(path, folder)
        (folder / "function").mkdir()
        (folder / "function" / "handler.py").write_text(source)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "index.py"],
                cwd=folder,
                env={**os.environ, "PORT": str(self.port)},
                stdout=log,
                stderr=log,
            )

    def connect(self):
        """A connection, once the function listens."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), 20)
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def until(self, text):
        """Wait for a text in the log."""
        deadline = time.monotonic() + 20
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def stop(self):
        """Stop it as the watchdog does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def serve(tmp_path):
    """Start a function from its handler's source."""
    started = []

    def start(source):
        started.append(Function(tmp_path, source))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def exchange(connection, request, end=b"end"):
    """Send bytes and read until the answer ends with `end`."""
    connection.sendall(request)
    answer = b""
    while not answer.endswith(end):
        part = connection.recv(65536)
        assert part, answer
        answer += part
    return answer


ECHO = "def handle(event, context):\n    return event.body + b'end'\n"


def test_requests_of_one_connection(serve):
    """With a length, in chunks, without a body; each begins where the one before it ended."""
    with serve(ECHO).connect() as connection:
        head = b"POST / HTTP/1.1\r\nHost: x\r\n"
        assert exchange(connection, head + b"Content-Length: 2\r\n\r\nab").endswith(b"\r\n\r\nabend")
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n"
        assert exchange(connection, chunked).endswith(b"\r\n\r\nabcend")
        assert exchange(connection, b"GET / HTTP/1.1\r\n\r\n").endswith(b"Content-Length: 3\r\n\r\nend")
        expecting = head + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        assert exchange(connection, expecting, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert exchange(connection, b"z").endswith(b"zend")


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"A / B C\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_what_is_no_request(serve, request_):
    """400, the reason in the log, and the function goes on."""
    function = serve(ECHO)
    with function.connect() as connection:
        assert exchange(connection, request_, b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    function.until("refused a request: ")
    with function.connect() as connection:
        assert exchange(connection, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_stream_that_fails_is_cut(serve):
    """Its end is missing, so nobody takes it for whole."""
    function = serve("def handle(event, context):\n    yield 'begun'\n    raise ValueError('in the middle')\n")
    connection = http.client.HTTPConnection("127.0.0.1", function.port)
    function.connect().close()
    connection.request("GET", "/")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    function.until("in the middle")


@pytest.mark.parametrize("value", [r"a\r\nb", r"a\nSet-Cookie: b", r"a\0", "日本"])
@pytest.mark.parametrize("form", ["{{'X-A': '{}'}}", "[('X-A', '{}')]", "{{'X-A': ['{}']}}"])
def test_header_values_that_would_end_the_header(serve, value, form):
    """500 in whatever form the headers are given, and nothing of the value."""
    headers = form.format(value)
    function = serve(f"def handle(event, context):\n    return {{'headers': {headers}, 'body': 'x'}}\n")
    with function.connect() as connection:
        answer = exchange(connection, b"GET / HTTP/1.1\r\n\r\n", b"see the logs\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-A" not in answer
    assert b"Set-Cookie" not in answer


def test_an_application_may_not_end_a_header_either(serve):
    """The same for WSGI."""
    function = serve("def app(environ, start):\n    start('200 OK', [('X-A', 'a\\nb: c')])\n    return [b'x']\n")
    with function.connect() as connection:
        assert exchange(connection, b"GET / HTTP/1.1\r\n\r\n", b"logs\n").startswith(b"HTTP/1.1 500 ")


LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            print(kind)
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"end"})
"""


def test_an_application_lives_as_long_as_the_process(serve):
    """It is started before anything is asked of it, and stopped with the process."""
    function = serve(LIFESPAN)
    with function.connect() as connection:
        assert "lifespan.startup" in function.log.read_text()
        exchange(connection, b"GET / HTTP/1.1\r\n\r\n")
    assert function.stop() == 0
    assert function.log.read_text().endswith("lifespan.shutdown\n")


def test_an_application_that_cannot_start_ends_the_process(serve):
    """With its own words."""
    function = serve(LIFESPAN.replace('kind + ".complete"', 'kind + ".failed", "message": "no database"'))
    assert function.process.wait(20) == 1
    assert "the application did not start: no database" in function.log.read_text()


def test_an_application_learns_that_its_caller_has_left(serve):
    """Although it writes nothing."""
    function = serve("""
async def app(scope, receive, send):
    assert scope["type"] == "http"
    while (message := await receive())["type"] == "http.request":
        print("asked", flush=True)
    print(message["type"], flush=True)
""")
    with function.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        function.until("asked")
    function.until("http.disconnect")


def test_an_application_may_answer_before_the_body_ends(serve):
    """While it waits for more of the body; the connection ends with the answer."""
    function = serve("""
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await receive()
    more = asyncio.ensure_future(receive())
    await asyncio.sleep(0.1)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"early"})
""")
    with function.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.endswith(b"\r\n\r\nearly")


def test_an_application_learns_that_the_body_was_cut(serve):
    """As of a caller that has left."""
    function = serve("""
async def app(scope, receive, send):
    assert scope["type"] == "http"
    while (message := await receive())["type"] == "http.request":
        pass
    print(message["type"], flush=True)
""")
    with function.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345")
    function.until("http.disconnect")


def test_a_cold_start_imports_nothing_it_does_not_need(tmp_path):
    """Neither asyncio, nor a parser of mail's headers, nor JSON."""
    for path in (builtin_folder() / "python-http").glob("*.py"):
        shutil.copy(path, tmp_path)
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "handler.py").write_text("def handle(event, context): ...\n")
    code = "import sys; import index; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not {"asyncio", "email", "json", "http.server", "inspect", "urllib.parse"} & set(done.stdout.split())
