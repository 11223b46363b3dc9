"""Binding the gateway's addresses, before anything is started that would have to be stopped again."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path

# Longest path of a Unix socket on Linux is 107 bytes.
_LONGEST_SOCKET_PATH = 100
_BACKLOG = 2048


class PortInUse(Exception):
    """An address cannot be listened on; the text is one sentence that names it and what to do."""


def listen(host: str, port: int, option: str) -> socket.socket:
    """A listening TCP socket. Raises PortInUse, naming `option` as the way to choose another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is in use; choose another with `{option} PORT`") from None
        raise PortInUse(f"cannot listen on {host} port {port}: {err.strerror or err}") from None


class PrivateSocket:
    """A Unix socket of the gateway, in the state directory where its path is short enough."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self._folder: Path | None = None
        path = state_dir / name
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            self._folder = Path(tempfile.mkdtemp(prefix="faas-"))
            path = self._folder / name
        path.unlink(missing_ok=True)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        path.chmod(0o600)
        self.socket.listen(_BACKLOG)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self.socket.close()
        self.path.unlink(missing_ok=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
