"""Keeping one command running in the foreground: until it ends, until Ctrl-C, or anew whenever something changes."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from faas_cli.devloop.watcher import changes_below
from faas_cli.errors import FaasError

_PATIENCE = 15
"""Seconds a command may take to end before it is killed."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A command, its folder, what is added to our environment, and what to run before and after it."""

    command: list[str]
    folder: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    clean_up: list[str] = field(default_factory=list)
    takes_listener: bool = False
    """Whether it serves on a socket that it is handed; otherwise it opens the port itself."""
    stop_signal: signal.Signals = signal.SIGTERM

    def on(self, listener: socket.socket) -> RunPlan:
        """The same with a listening socket as descriptor 3, as service managers hand it over.

        Callers that connect while one process ends and the next begins wait in the socket's queue.
        """
        # A shell moves the descriptor: Python can keep one open for a child, but not renumber it.
        move = f'exec "$@" 3<&{listener.fileno()}'
        environment = {**self.environment, "LISTEN_FDS": "1", "LISTEN_PID": "0"}
        return replace(self, command=["/bin/sh", "-c", move, "sh", *self.command], environment=environment)


def listen(port: int) -> socket.socket:
    """A socket on a port of this machine, 0 for any free one. Raises FaasError when it is taken."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as err:
        listener.close()
        raise FaasError(f"cannot listen on port {port}: {err.strerror}", hint="take another: `--port 0`") from None
    return listener


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with listen(0) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def told_to_end() -> Iterator[None]:
    """SIGTERM counts as Ctrl-C: what we have started in a process group of its own must not outlive us."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Foreground:
    """One command at a time on our own streams."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        self._listener = listener
        self._plan: RunPlan | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, plan: RunPlan) -> None:
        """Run a plan in place of what runs."""
        self.stop()
        keep: tuple[int, ...] = ()
        wanted = plan
        if self._listener is not None and plan.takes_listener:
            wanted, keep = plan.on(self._listener), (self._listener.fileno(),)
        elif self._listener is not None:
            self._listener.close()
            self._listener = None
        self._plan = plan
        _quietly(plan.clean_up)
        environment = {**os.environ, **wanted.environment}
        try:
            # In a process group of its own where that is possible: the terminal's Ctrl-C then reaches us alone, and
            # how the command is told to end is ours to say. `docker run` reads the terminal and must stay in ours.
            self._process = subprocess.Popen(
                wanted.command,
                cwd=wanted.folder,
                env=environment,
                pass_fds=keep,
                process_group=0 if plan.takes_listener else None,
            )
        except FileNotFoundError:
            raise FaasError(f"`{plan.command[0]}` is not on this machine") from None

    def wait(self) -> int:
        """The command's exit code, once it has ended; Ctrl-C tells it to end, which counts as 0, and twice kills it."""
        assert self._process is not None
        assert self._plan is not None
        told = False
        while True:
            try:
                code = self._process.wait()
                break
            except KeyboardInterrupt:
                self._process.send_signal(signal.SIGKILL if told else self._plan.stop_signal)
                told = True
        self.stop()
        return 0 if told else code

    def ended(self) -> int | None:
        """The exit code of a command that ended by itself, told once; None while it runs."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            self._process = None
        return code

    def stop(self) -> None:
        """End what runs; kill it when it does not listen."""
        if self._process is not None and self._plan is not None and self._process.poll() is None:
            self._process.send_signal(self._plan.stop_signal)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._plan is not None:
            _quietly(self._plan.clean_up)
            self._plan = None


def run_watched(
    make: Callable[[], RunPlan | None],
    watched: Sequence[Path],
    foreground: Foreground,
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Run what `make` gives, and again after every change below `watched`, until `stop` or Ctrl-C.

    When `make` gives None (it has said why), what ran before goes on.
    """
    changes = changes_below(watched, stop)
    try:
        early = next(changes, set())
        first = make()
        if first is not None:
            foreground.start(first)
        say(f"watching {', '.join(map(str, watched))}; Ctrl-C stops")
        for batch in itertools.chain([early], changes):
            if batch:
                plan = make()
                if plan is not None:
                    foreground.start(plan)
            elif (code := foreground.ended()) is not None:
                say(f"it ended with exit code {code}; a change starts it again")
    except KeyboardInterrupt:
        pass
    finally:
        foreground.stop()


def _quietly(command: list[str]) -> None:
    if command:
        with contextlib.suppress(OSError):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
