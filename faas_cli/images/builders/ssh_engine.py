"""An engine behind ssh, reached through a local socket and the user's own `ssh`.

Every connection to the socket starts an `ssh` that runs `docker system dial-stdio` on the engine's host, as the
`docker` command does. The user's ssh configuration (keys, agent, hosts, jump hosts) applies.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from faas_cli.errors import FaasError
from faas_runtime.core.engine_address import EngineAddress

CONNECT_TIMEOUT = 30
"""Seconds an ssh login may take."""


@functools.lru_cache
def socket_to(engine: EngineAddress) -> EngineAddress:
    """The address of a local socket that leads to the engine until this process ends. Raises FaasError without ssh."""
    if shutil.which("ssh") is None:
        raise FaasError(
            f"the engine at {engine} is reached by `ssh`, which is not installed",
            hint="install it (Debian: `apt-get install openssh-client`)",
        )
    folder = Path(tempfile.mkdtemp(prefix="faas-ssh-"))
    path = folder / "engine.sock"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()
    atexit.register(_close, server, folder)
    threading.Thread(target=_serve, args=(server, ssh_command(engine.url)), name="ssh-engine", daemon=True).start()
    return EngineAddress(f"unix://{path}", engine.source)


def ssh_command(url: str) -> list[str]:
    """The ssh command for an address `ssh://[USER@]HOST[:PORT][/SOCKET]`. Raises FaasError."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise FaasError(f"`{url}` names no host", hint="write `ssh://USER@HOST`")
    options = ["-o", f"ConnectTimeout={CONNECT_TIMEOUT}", "-T"]
    options += ["-l", parts.username] if parts.username else []
    options += ["-p", str(parts.port)] if parts.port else []
    return ["ssh", *options, "--", parts.hostname, *_remote_command(parts)]


def _remote_command(parts: SplitResult) -> list[str]:
    if not parts.path.strip("/"):
        return ["docker", "system", "dial-stdio"]
    # ssh passes the words to a shell.
    path = shlex.quote(f"unix://{parts.path}")
    if "podman" in parts.path:
        return ["podman", "--url", path, "system", "dial-stdio"]
    return ["docker", "--host", path, "system", "dial-stdio"]


def _serve(server: socket.socket, command: list[str]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # closed: the process ends
            return
        with connection, contextlib.suppress(OSError):
            ssh = subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno())
            threading.Thread(target=ssh.wait, daemon=True).start()


def _close(server: socket.socket, folder: Path) -> None:
    server.close()
    shutil.rmtree(folder, ignore_errors=True)
