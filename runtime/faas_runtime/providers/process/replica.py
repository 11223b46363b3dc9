"""One replica: a watchdog process that serves on a socket bound for it here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Coroutine, Mapping
from typing import Any, BinaryIO

import msgspec

from faas_runtime.core.errors import StartFailed
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import watchdog_binary
from faas_runtime.providers.base import Endpoint
from faas_runtime.providers.common.logs import FLOOD_PAUSE, FunctionLog, LineSplitter
from faas_runtime.providers.common.readiness import ProbeTarget, is_ready
from faas_runtime.providers.process.groups import Group
from faas_runtime.providers.process.isolation import policy
from faas_runtime.providers.process.places import ReplicaPlace, listening_socket, write_secrets
from faas_runtime.providers.process.processes import Machine, ProcessMark, child_setup, mark_of_child
from faas_runtime.providers.process.spec import ReplicaSpec

_LAST_LINES = 20


class Replica:
    """One watchdog process. `endpoint` accepts connections at once; they wait until the watchdog serves them."""

    def __init__(
        self, spec: ReplicaSpec, instance: str, place: ReplicaPlace, log: FunctionLog, machine: Machine
    ) -> None:
        self.spec = spec
        self.instance = instance
        self._place = place
        self._log = log
        self._machine = machine
        self._mark: ProcessMark | None = None
        self._group: Group | None = None
        self._memory_kills = 0
        self._socket: socket.socket | None = None
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self.endpoint = Endpoint(instance)
        self._started = 0.0

    @property
    def pid(self) -> int:
        """The watchdog's process number, 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def killed(self) -> str:
        """The reason why the kernel killed processes of this replica; empty if it did not."""
        limit = self.spec.isolation.limits.memory / (1 << 20)
        return f"killed: more memory than its limit of {limit:g} MiB" if self._memory_kills else ""

    async def launch(self) -> None:
        """Start the process. Raises StartFailed when this machine cannot run it at all."""
        async with self._machine.starting:
            await self._start()

    async def _start(self) -> None:
        self._started = asyncio.get_running_loop().time()
        self.endpoint = Endpoint(self.instance, unix=str(self._place.socket))
        try:
            self._prepare_folder()
            self._socket = listening_socket(self._place.socket)
            self._group = await asyncio.to_thread(self._machine.groups.make, self.instance, self.spec.isolation.limits)
            # The launcher makes the socket the watchdog's descriptor 3; here it is standard input, which every way
            # of starting a process can hand over.
            with _passed(self._policy()) as document:
                self._process = await asyncio.create_subprocess_exec(
                    str(watchdog_binary()),
                    "-isolate",
                    str(document.fileno()),
                    stdin=self._socket.fileno(),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    env=self._environment(),
                    pass_fds=[document.fileno()],
                    start_new_session=True,
                    preexec_fn=child_setup(),
                )
        except OSError as err:
            self._release()
            raise StartFailed(f"`{self.spec.key.name}` cannot be started: {err}") from err
        self._mark = mark_of_child(self.pid)
        write_file(self._place.mark, msgspec.json.encode(self._mark), durable=False)
        self._reader = asyncio.create_task(self._read_output(self._process))

    async def until_ready(self, interval: float = 0.01) -> None:
        """Return once the watchdog says it is ready. Raises StartFailed when it ends before."""
        while True:
            if await self._answers():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self.ended()
            if self._is_over():
                await self.ended()
                raise StartFailed(self._start_failure())
            interval = min(interval * 1.5, 0.5)

    async def ended(self) -> int:
        """Return the exit code once the process is over and its output has been read."""
        assert self._process is not None
        code = await self._process.wait()
        # Waiting connections would never be served; refused ones are sent to another replica.
        self._stop_listening()
        if self._reader is not None:
            # A descendant may hold the pipe open; the watchdog's own output has been read by then.
            await asyncio.wait([self._reader], timeout=0.5)
        self._log_memory_kills()
        return code

    async def stop(self, grace: float) -> None:
        """Wait up to `grace` seconds for running calls, then end every process of the replica.

        When it is cancelled the processes end at once.
        """
        process = self._process
        try:
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace):
                        await process.wait()
        finally:
            await _to_the_end(self._clean_up())
        if process is not None:
            await process.wait()

    async def _clean_up(self) -> None:
        if self._mark is not None:
            await self._machine.end_tree(self._mark)
        if self._group is not None:
            await asyncio.to_thread(self._group.remove)
            self._group = None
        self._release()

    def renew_secrets(self, secrets: Mapping[str, bytes]) -> None:
        """Replace the values of the running function's secrets. Blocking."""
        if self.spec.secrets and self._process is not None:
            write_secrets(self._place, secrets, self._user())

    def _is_over(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def _answers(self) -> bool:
        # The socket accepts connections before the watchdog runs: only a response counts.
        if self._is_over():
            return False
        age = asyncio.get_running_loop().time() - self._started
        return await is_ready(ProbeTarget(age=age, unix=self.endpoint.unix), self.spec.probe)

    def _start_failure(self) -> str:
        assert self._process is not None
        code = self._process.returncode or 0
        how = self.killed or (f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}")
        lines = self._log.last(self.instance, _LAST_LINES)
        output = ":\n" + "\n".join(lines) if lines else " and printed nothing"
        return f"`{self.spec.key.name}` ended before it was ready ({how}){output}"

    def _environment(self) -> dict[str, str]:
        environment = dict(self.spec.environment)
        inside = self.spec.isolation.inside
        environment["HOME"] = environment["TMPDIR"] = "/tmp" if inside else str(self._place.tmp)  # noqa: S108
        environment["LISTEN_FDS"] = "1"
        if self.spec.secrets and not inside:
            environment["secret_mount_path"] = str(self._place.secrets)
        if self.spec.port_variable:
            port = str(_free_port())
            environment[self.spec.port_variable] = port
            environment["upstream_url"] = f"http://127.0.0.1:{port}"
            environment.pop("http_upstream_url", None)
        return environment

    def _policy(self) -> bytes:
        return policy(
            self.spec.isolation,
            self._place,
            rootfs=self.spec.rootfs,
            working_dir=str(self.spec.working_dir),
            hostname=self.spec.key.name,
            show=self.spec.show,
            secrets=bool(self.spec.secrets),
            user=self._user(),
            group=self._group,
        )

    def _user(self) -> int:
        return self._machine.users.number(self.spec.key) if self.spec.isolation.own_user else 0

    def _prepare_folder(self) -> None:
        self._place.make()
        if self.spec.secrets:
            write_secrets(self._place, self.spec.secrets, self._user())

    async def _read_output(self, process: Process) -> None:
        assert process.stdout is not None
        splitter = LineSplitter()
        while data := await process.stdout.read(64 * 1024):
            lines = splitter.feed(data)
            if lines:
                self._log.add_all(self.instance, lines)
                self._log_memory_kills()
            if self._log.is_flooded:
                await asyncio.sleep(FLOOD_PAUSE)
        self._log.add_all(self.instance, splitter.rest())

    def _log_memory_kills(self) -> None:
        """Log why processes were killed by the kernel; their exit code 137 does not tell."""
        kills = self._group.memory_kills() if self._group is not None else 0
        if kills > self._memory_kills:
            self._memory_kills = kills
            self._log.add(self.instance, self.killed)

    def _stop_listening(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _release(self) -> None:
        self._stop_listening()
        if self._reader is not None:
            self._reader.cancel()
        self._place.remove()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work, which takes a moment only; a cancellation meanwhile is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


def _passed(document: bytes) -> BinaryIO:
    """An open file for a child to read from its begin."""
    file: BinaryIO
    if sys.platform == "linux":
        file = os.fdopen(os.memfd_create("policy"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(document)
    file.flush()
    file.seek(0)
    return file


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
