"""A replica that a test scripts byte for byte."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable

from faas_runtime.providers.base import Endpoint
from tests.conformance.proxy.wire import PATIENCE, Closed, Message, Wire, quietly_close

Script = Callable[["Wire"], object]


class Replica:
    """Listens on its own port. `script` handles each connection, in a thread.

    `check()` raises again what the script raised; `saw()` returns what it read with `seen`.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.script: Script = self.echo
        self.connections: list[Wire] = []
        self._requests: queue.Queue[Message] = queue.Queue()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def endpoint(self) -> Endpoint:
        """This replica as the routing table has it."""
        return Endpoint(f"replica-{self.port}", "127.0.0.1", self.port)

    def saw(self) -> Message:
        """The next request on any connection."""
        return self._requests.get(timeout=PATIENCE)

    def saw_nothing(self) -> bool:
        """Whether `saw` has returned every request."""
        return self._requests.empty()

    def note(self, request: Message) -> Message:
        """Keep a request for `saw`."""
        self._requests.put(request)
        return request

    def echo(self, wire: Wire) -> None:
        """Answer every request with its own body, until the connection ends."""
        while True:
            request = self.note(wire.request())
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(request.body)}\r\n\r\n"
            wire.send(head.encode() + (b"" if request.start.startswith("HEAD") else request.body))

    def answers(self, *responses: bytes) -> None:
        """Answer the requests of each connection with these bytes, in turn; then close it."""

        def script(wire: Wire) -> None:
            for response in responses:
                self.note(wire.request())
                wire.send(response)

        self.script = script

    def always(self, response: bytes) -> None:
        """Answer every request with these bytes, and keep the connection."""

        def script(wire: Wire) -> None:
            while True:
                self.note(wire.request())
                wire.send(response)

        self.script = script

    def check(self) -> None:
        """Raise the first error of a script."""
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Close the listener and every connection."""
        quietly_close(self._listener)
        self._acceptor.join(PATIENCE)
        for wire in self.connections:
            quietly_close(wire.sock)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            wire = Wire(sock)
            self.connections.append(wire)
            thread = threading.Thread(target=self._run, args=(wire, self.script), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, wire: Wire, script: Script) -> None:
        try:
            script(wire)
        except (Closed, OSError):
            # The proxy may disconnect at any time; tests that depend on it check that themselves.
            pass
        except BaseException as err:
            self._errors.append(err)
        finally:
            quietly_close(wire.sock)
