"""Running one command in the foreground: until it ends, until Ctrl-C, or again on every change."""

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
from faas_cli.errors import EXIT_FAILED, FaasError

_STOP_TIMEOUT = 15
"""Seconds between the stop signal and SIGKILL."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A command, its folder, the variables added to our environment, and what to run before and after it."""

    command: list[str]
    folder: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    clean_up: list[str] = field(default_factory=list)
    takes_listener: bool = False
    """Whether it serves on an inherited socket; otherwise it opens the port itself."""
    stop_signal: signal.Signals = signal.SIGTERM
    python: str = ""
    """The Python interpreter that runs the function, if it is not the `python3` of PATH."""

    def on(self, listener: socket.socket) -> RunPlan:
        """The same with a listening socket as descriptor 3 (socket activation).

        Clients that connect between two processes wait in the socket's backlog.
        """
        # A shell moves the descriptor: Python can keep one open for a child, but not renumber it.
        move = f'exec "$@" 3<&{listener.fileno()}'
        environment = {**self.environment, "LISTEN_FDS": "1", "LISTEN_PID": "0"}
        return replace(self, command=["/bin/sh", "-c", move, "sh", *self.command], environment=environment)


def listen(port: int) -> socket.socket:
    """A socket on a port of this machine, 0 for any free one. Raises FaasError when it is in use."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as err:
        listener.close()
        raise FaasError(f"cannot listen on port {port}: {err.strerror}", hint="use any free port: `--port 0`") from None
    return listener


def free_port() -> int:
    """A port of this machine that is free at this moment."""
    with listen(0) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: processes started in their own process group must not outlive us."""

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
        """Run a plan instead of the present one."""
        self.stop()
        keep: tuple[int, ...] = ()
        chosen = plan
        if self._listener is not None and plan.takes_listener:
            chosen, keep = plan.on(self._listener), (self._listener.fileno(),)
        elif self._listener is not None:
            self._listener.close()
            self._listener = None
        self._plan = plan
        _quietly(plan.clean_up)
        environment = {**os.environ, **chosen.environment}
        try:
            # In its own process group where possible: Ctrl-C then reaches only us, and we choose the signal that
            # stops the command. `docker run` reads the terminal and must stay in our group.
            self._process = subprocess.Popen(
                chosen.command,
                cwd=chosen.folder,
                env=environment,
                pass_fds=keep,
                process_group=0 if plan.takes_listener else None,
            )
        except FileNotFoundError:
            raise FaasError(f"`{plan.command[0]}` is not installed") from None

    def wait(self) -> int:
        """Wait for the command's exit code; Ctrl-C stops it, which counts as 0, a second one kills it."""
        assert self._process is not None
        assert self._plan is not None
        stopping = False
        while True:
            try:
                code = self._process.wait()
                break
            except KeyboardInterrupt:
                self._process.send_signal(signal.SIGKILL if stopping else self._plan.stop_signal)
                stopping = True
        self.stop()
        return 0 if stopping else code

    def ended(self) -> int | None:
        """The exit code of a command that ended by itself, returned once; None while it runs."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            self._process = None
        return code

    def stop(self) -> None:
        """Stop the command; kill it after `_STOP_TIMEOUT`."""
        if self._process is not None and self._plan is not None and self._process.poll() is None:
            self._process.send_signal(self._plan.stop_signal)
            try:
                self._process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._plan is not None:
            _quietly(self._plan.clean_up)
            self._plan = None


def run_foreground(
    make: Callable[[int], RunPlan | None],
    watched: Callable[[], Sequence[Path]] | None,
    port: int,
    say: Callable[[str], None],
) -> int:
    """Run what `make` returns for a port (0: any free one) until it ends or Ctrl-C; return the exit code.

    With `watched`, run it again whenever one of these paths changes. Raises FaasError.
    """
    listener = listen(port)
    port = listener.getsockname()[1]
    foreground = Foreground(listener)
    with sigterm_as_interrupt():
        if watched is not None:
            run_watched(lambda: make(port), watched(), foreground, say)
            return 0
        plan = make(port)
        if plan is None:
            return EXIT_FAILED
        foreground.start(plan)
        return foreground.wait()


def run_watched(
    make: Callable[[], RunPlan | None],
    watched: Sequence[Path],
    foreground: Foreground,
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Run what `make` returns, and again after every change below `watched`, until `stop` or Ctrl-C.

    When `make` returns None (it has reported why), the previous command keeps running.
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
                say(f"exited with code {code}; a change starts it again")
    except KeyboardInterrupt:
        pass
    finally:
        foreground.stop()


def _quietly(command: list[str]) -> None:
    if command:
        with contextlib.suppress(OSError):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
