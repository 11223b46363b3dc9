"""ASGI applications in place of a handler, with their lifespan, and the event loop of all that is asynchronous."""

import asyncio
import os
import queue
import select
import socket
import sys
import threading
from urllib.parse import unquote_to_bytes

from _faas_http import PIECE_BYTES, BadRequest

LIFESPAN_TIMEOUT = 30.0
"""Seconds an application may take to start, and to stop."""
DISCONNECT_INTERVAL = 0.5
"""Seconds between two looks whether the caller is still there."""


# The loop all coroutines share, as connections to databases are bound to theirs.
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def run(awaitable):
    """The result of an awaitable, waited for in this thread."""

    async def result():
        return await awaitable

    return asyncio.run_coroutine_threadsafe(result(), loop).result()


def iterate(pieces):
    """What an asynchronous generator yields."""
    end = object()

    async def following():
        return await anext(pieces, end)

    while (piece := run(following())) is not end:
        yield piece


class Asgi:
    """Serves an ASGI 3 application; its lifespan is the process's."""

    def __init__(self, app):
        self.app = app
        self.state = {}
        self._events = asyncio.Queue()
        self._told = queue.SimpleQueue()
        self._lifespan = asyncio.run_coroutine_threadsafe(self._live(), loop)
        self._events_put("lifespan.startup")
        answer = self._wait()
        if answer.startswith("failed"):
            sys.exit(f"the application did not start{answer.removeprefix('failed')}")

    def close(self):
        """Let the application stop."""
        if not self._lifespan.done():
            self._events_put("lifespan.shutdown")
            self._wait()

    def _events_put(self, kind):
        loop.call_soon_threadsafe(self._events.put_nowait, {"type": kind})

    def _wait(self):
        try:
            return self._told.get(timeout=LIFESPAN_TIMEOUT)
        except queue.Empty:
            return f"failed: no answer after {LIFESPAN_TIMEOUT:g} s"

    async def _live(self):
        async def send(message):
            failed = message["type"].endswith(".failed")
            self._told.put(f"failed{': ' * bool(message.get('message'))}{message.get('message', '')}" if failed else "")

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self._events.get, send)
        except BaseException:
            # Who does not know of lifespans says so in this way, and is served without.
            self._told.put("")
            return
        self._told.put("")

    def __call__(self, request):
        """Answer a request: the application runs in the loop, what it writes is written by this thread."""
        writes = queue.SimpleQueue()
        exchange = _Exchange(self.app, request, writes, self.state)
        future = asyncio.run_coroutine_threadsafe(exchange.run(), loop)
        future.add_done_callback(lambda _: writes.put(None))
        while (write := writes.get()) is not None:
            write()
        if exchange.reading:
            # The answer came before the body's end, which another thread waits for: nothing can follow it.
            request.keep, request.body.finished = False, True
        future.result()
        if not request.started:
            raise RuntimeError("the application ended without an answer")


class _Exchange:
    """One request of an ASGI application."""

    def __init__(self, app, request, writes, state):
        self.app, self.request, self.writes, self.state = app, request, writes, state
        self.head = None
        self.over = asyncio.Event()
        self.asked = False
        self.reading = False

    async def run(self):
        request = self.request
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.version.removeprefix("HTTP/"),
            "method": request.method,
            "scheme": "http",
            "path": unquote_to_bytes(request.path).decode("utf-8", "surrogateescape"),
            "raw_path": request.path.encode("latin-1"),
            "query_string": request.query_string.encode("latin-1"),
            "root_path": "",
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in request.headers.fields],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", int(os.environ.get("PORT") or "8082")),
            "state": dict(self.state),
        }
        try:
            await self.app(scope, self.receive, self.send)
        finally:
            self.over.set()

    async def receive(self):
        body = self.request.body
        if not self.asked or not body.finished:
            self.asked = True
            # Reading waits for the caller, and the loop is everybody's.
            try:
                content = await asyncio.get_running_loop().run_in_executor(None, self._read)
            except (BadRequest, OSError):
                self.request.keep = False
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": content or b"", "more_body": not body.finished}
        while not self.over.is_set() and not self._left():
            try:
                await asyncio.wait_for(self.over.wait(), DISCONNECT_INTERVAL)
            except TimeoutError:
                continue
        return {"type": "http.disconnect"}

    def _read(self):
        self.reading = True
        content = self.request.body.read(PIECE_BYTES)
        self.reading = False
        return content

    def _left(self):
        connection = self.request.connection
        readable, _, _ = select.select([connection], [], [], 0)
        try:
            return bool(readable) and not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return True

    async def send(self, message):
        if self.over.is_set():
            return
        if message["type"] == "http.response.start":
            fields = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in message.get("headers", ())]
            self.head = message["status"], fields
            return
        if message["type"] != "http.response.body" or self.head is None:
            raise RuntimeError(f"{message['type']} is not what an answer goes on with")
        content, more = message.get("body", b""), message.get("more_body", False)
        await self._write(content, more)
        if not more:
            self.over.set()

    def _put(self, content, more):
        if self.request.started:
            self.request.write(content)
        else:
            self.request.start(*self.head, content, length=None if more else len(content))
        if not more:
            self.request.finish()

    async def _write(self, content, more):
        running = asyncio.get_running_loop()
        done = running.create_future()

        def write():
            error = None
            try:
                self._put(content, more)
            except Exception as err:
                error = err
            running.call_soon_threadsafe(_settle, done, error)

        self.writes.put(write)
        await done


def _settle(future, error):
    if not future.done():
        future.set_exception(error) if error else future.set_result(None)
