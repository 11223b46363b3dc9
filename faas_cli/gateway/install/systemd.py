"""`faas gateway install systemd`: the gateway of this machine as a systemd service."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.gateway.local import process
from faas_runtime.core.configuration import configure
from faas_runtime.core.errors import Invalid
from faas_runtime.core.files import write_file
from faas_runtime.core.paths import default_state_dir
from faas_runtime.core.settings import GATEWAY, arguments

UNIT = "faas-gateway.service"
_POLL_INTERVAL = 0.1
_JOURNAL_LINES = 12


@dataclass(frozen=True, slots=True)
class SystemdService:
    """The gateway's systemd service, of the system or of the current user."""

    system: bool

    @property
    def path(self) -> Path:
        """Path of the unit."""
        if self.system:
            return Path("/etc/systemd/system") / UNIT
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return home / "systemd/user" / UNIT

    @property
    def state_dir(self) -> Path:
        """The gateway's state directory; for a user the default one."""
        return Path("/var/lib/faas") if self.system else default_state_dir()

    def unit(self, given: Mapping[str, Any]) -> str:
        """The unit of a gateway with these settings; others are read from its `gateway.toml`. Raises FaasError."""
        given = {"state_dir": self.state_dir, **given}
        try:
            settings = configure(GATEWAY, given, {}).settings()
        except Invalid as err:
            raise FaasError(str(err)) from None
        words = process.command("run", arguments(given))
        # A user of its own that owns only this folder.
        hardening = ["DynamicUser=yes", "StateDirectory=faas", "StateDirectoryMode=0700", "ProtectHome=read-only"]
        # On a minimal system such a user has no home, which Python and functions ask for.
        hardening += [f"Environment=HOME={self.state_dir}", f"WorkingDirectory={self.state_dir}"]
        if settings.engine == "docker":
            hardening.append("SupplementaryGroups=docker")
        lines = [
            "[Unit]",
            "Description=Gateway of faas functions",
            "After=network-online.target",
            "Wants=network-online.target",
            "",
            "[Service]",
            # Ready when it answers; after `faas gateway restart` the new process reports its id.
            "Type=notify",
            "NotifyAccess=all",
            f"ExecStart={' '.join(_quoted(word) for word in words)}",
            "Restart=on-failure",
            "RestartSec=2",
            # Time to finish running calls, and for replicas to end with the gateway.
            f"TimeoutStopSec={30 + math.ceil(settings.stop_timeout)}",
            "KillMode=mixed",
            "LimitNOFILE=65536",
            *(hardening if self.system else []),
            "",
            "[Install]",
            f"WantedBy={'multi-user.target' if self.system else 'default.target'}",
            "",
        ]
        return "\n".join(lines)

    def install(self, text: str) -> str:
        """Write the unit, start it now and at every boot, log in; the gateway's URL. Raises FaasError."""
        if shutil.which("systemctl") is None:
            raise FaasError("this machine has no `systemctl`", hint="`--print` shows the unit")
        try:
            write_file(self.path, text)
        except OSError as err:
            raise FaasError(
                f"`{self.path}` cannot be written: {err.strerror}",
                hint="a system service needs root; omit `--system` for a user service",
            ) from None
        try:
            self._systemctl("daemon-reload")
            self._systemctl("enable", "--now", UNIT)
            return self._log_in()
        except FaasError as err:
            err.detail = "\n".join(filter(None, [err.detail, *self._journal()]))
            self._remove_failed()
            raise

    def uninstall(self) -> bool:
        """Stop the service and remove the unit, not the state; False if there was none. Raises FaasError."""
        if not self.path.exists():
            return False
        self._systemctl("disable", "--now", UNIT)
        try:
            self.path.unlink()
        except OSError as err:
            raise FaasError(f"`{self.path}` cannot be removed: {err.strerror}") from None
        self._systemctl("daemon-reload")
        return True

    def _remove_failed(self) -> None:
        """Leave no unit that systemd starts again and again."""
        for words in (("disable", "--now", UNIT), ("reset-failed", UNIT)):
            with contextlib.suppress(FaasError):
                self._systemctl(*words)
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(FaasError):
            self._systemctl("daemon-reload")

    def _journal(self) -> list[str]:
        """The last lines of the service's log."""
        scope = [] if self.system else ["--user"]
        command = ["journalctl", *scope, "-u", UNIT, "-n", str(_JOURNAL_LINES), "-o", "cat", "--no-pager", "-q"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return []
        return done.stdout.splitlines()

    def _systemctl(self, *words: str) -> None:
        command = ["systemctl", *([] if self.system else ["--user"]), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as err:
            raise FaasError(f"`systemctl` cannot be run: {err.strerror}") from None
        if done.returncode:
            raise FaasError(f"`{' '.join(command)}` failed", detail=done.stderr.strip())

    def _log_in(self) -> str:
        deadline = time.monotonic() + process.START_TIMEOUT
        while time.monotonic() < deadline:
            status = process.find(self.state_dir)
            if status is not None and status.url:
                process.login(self.state_dir, status)
                return status.url
            time.sleep(_POLL_INTERVAL)
        raise FaasError(f"the gateway did not answer within {process.START_TIMEOUT:g} s")


def _quoted(word: str) -> str:
    """A word of a command line, quoted for systemd: `%` begins a specifier, `$` a variable."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped and not set(escaped) & set(" \t'\"\\;") else f'"{escaped}"'
