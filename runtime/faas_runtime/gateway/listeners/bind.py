"""Binds the gateway's addresses, before anything starts that a port in use would have to stop again."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from faas_runtime.core.settings import GatewaySettings

# The maximum length of a Unix socket's path on Linux is 107 bytes.
_MAX_SOCKET_PATH_BYTES = 100
_BACKLOG = 2048

Inherited = Mapping[str, socket.socket]
"""Listening sockets of the previous gateway process, by their names here."""


class PortInUse(Exception):
    """An address cannot be bound; the text names the address and what to do."""


def listen(host: str, port: int, option: str) -> socket.socket:
    """A listening TCP socket. Raises PortInUse, naming `option` as the way to choose another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is in use; choose another with `{option} PORT`") from None
        raise PortInUse(f"cannot listen on {host} port {port}: {err.strerror or err}") from None


def listen_shared(host: str, port: int, count: int) -> list[socket.socket]:
    """Listening TCP sockets on one port, among which the kernel distributes connections. Raises PortInUse."""
    # Sockets that share a port would share it with another gateway, too: a probe without SO_REUSEPORT detects that.
    with listen(host, port, "--port") as probe:
        family, address = probe.family, probe.getsockname()[:2]
    found: list[socket.socket] = []
    try:
        for _ in range(count):
            found.append(socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=True))
    except OSError as err:
        for sock in found:
            sock.close()
        raise PortInUse(f"cannot listen on {host} port {address[1]}: {err.strerror or err}") from None
    return found


class PrivateSocket:
    """A Unix socket of the gateway: in the state directory if its path is short enough, else in a temporary folder."""

    def __init__(self, state_dir: Path, name: str, inherited: socket.socket | None = None) -> None:
        self._folder: Path | None = None
        if inherited is not None:
            self.socket = inherited
            self.path = Path(inherited.getsockname())
            self._folder = self.path.parent if self.path.parent != state_dir else None
            return
        path = state_dir / name
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
            self._folder = Path(tempfile.mkdtemp(prefix="faas-"))
            path = self._folder / name
        path.unlink(missing_ok=True)
        self.path = path
        self.socket = _bind(path, 0o600)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self.socket.close()
        self.path.unlink(missing_ok=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class Listeners:
    """Every listening socket of a gateway. Sockets inherited from a previous gateway are used as they are."""

    def __init__(self, settings: GatewaySettings, inherited: Inherited) -> None:
        """Raises PortInUse."""
        self._keep_paths = bool(inherited)
        self.metrics: socket.socket | None = None
        self.unix: socket.socket | None = None
        self.own_control: socket.socket | None = None
        """Clients of the control API, where it has an address of its own."""
        self._unix_path = settings.unix
        self._private: dict[str, PrivateSocket] = {}
        self.fronts = [sock for name, sock in inherited.items() if name.startswith("front")]
        if not self.fronts and settings.workers > 1:
            self.fronts = listen_shared(settings.host, settings.port, settings.workers)
        elif not self.fronts:
            self.fronts = [listen(settings.host, settings.port, "--port")]
        try:
            if settings.metrics_port:
                metrics = inherited.get("metrics")
                self.metrics = metrics or listen(settings.metrics_host, settings.metrics_port, "--metrics-port")
            if settings.control_port:
                own = inherited.get("own-control")
                self.own_control = own or listen(settings.control_host, settings.control_port, "--control-port")
            if settings.unix is not None:
                self.unix = inherited.get("unix") or _listen_unix(settings.unix)
            for name in ("control", "inside", "restart"):
                self._private[name] = PrivateSocket(settings.state_dir, f"{name}.sock", inherited.get(name))
        except BaseException:
            self.close()
            raise

    @property
    def control(self) -> PrivateSocket:
        """Socket of the control API, for the proxy."""
        return self._private["control"]

    @property
    def internal(self) -> PrivateSocket:
        """Socket of the proxy for the gateway's own calls."""
        return self._private["inside"]

    @property
    def restart(self) -> PrivateSocket:
        """Socket for restart requests."""
        return self._private["restart"]

    @property
    def shared(self) -> list[socket.socket]:
        """The proxy's sockets that all workers share."""
        return [] if self.unix is None else [self.unix]

    @property
    def address(self) -> str:
        """Host and port of the control API."""
        name = (self.own_control or self.fronts[0]).getsockname()
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    def stop_accepting(self) -> None:
        """Close the proxy's sockets: connections are refused once no other process has them."""
        for sock in (*self.fronts, *self.shared):
            sock.close()

    def by_name(self) -> dict[str, socket.socket]:
        """Every socket, by the name under which the next gateway inherits it."""
        found = {name: private.socket for name, private in self._private.items()}
        found |= {f"front-{number}": sock for number, sock in enumerate(self.fronts)}
        optional = {"metrics": self.metrics, "unix": self.unix, "own-control": self.own_control}
        return {**found, **{name: sock for name, sock in optional.items() if sock is not None}}

    def share(self, shared: bool) -> None:
        """Set whether another gateway has the sockets, too: then `close` keeps their paths."""
        self._keep_paths = shared

    def close(self) -> None:
        """Stop listening, and remove the Unix sockets unless another gateway has them."""
        for private in self._private.values():
            private.socket.close() if self._keep_paths else private.close()
        for sock in (*self.fronts, self.metrics, self.unix, self.own_control):
            if sock is not None:
                sock.close()
        if self.unix is not None and self._unix_path is not None and not self._keep_paths:
            self._unix_path.unlink(missing_ok=True)


def _listen_unix(path: Path) -> socket.socket:
    """A Unix socket for clients of this user and group. Raises PortInUse."""
    try:
        if _is_stale(path):
            path.unlink()
        return _bind(path, 0o660)
    except OSError as err:
        if err.errno == errno.EADDRINUSE:
            raise PortInUse(f"`{path}` is in use; choose another path with `--unix PATH`") from None
        raise PortInUse(f"cannot listen on `{path}`: {err.strerror or err}") from None


def _is_stale(path: Path) -> bool:
    """Whether a process left this socket behind: it exists, and no process listens on it."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return True
    return False


def _bind(path: Path, mode: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(os.fspath(path))
        # Before it listens, so that no client connects in between.
        path.chmod(mode)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock
