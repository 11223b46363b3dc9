"""The gateway of this machine as a background process: starting it, finding it, stopping it.

The gateway itself is the runtime's; here it is only a command that is run. What it tells
about itself is in two files of the state directory: `gateway.lock`, locked and holding its
process number as long as it lives, and `gateway.json`, there once it answers.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from faas_cli.errors import FaasError, UsageError

USER = "admin"
ENGINES = ("process", "docker", "swarm")
"""What can run functions on this machine."""
START_TIMEOUT = 30.0
"""Seconds a gateway may take until it answers."""
STOP_TIMEOUT = 30.0
"""Seconds a gateway may take to drain before it is killed."""
_MAX_LOG_BYTES = 10 * 1024 * 1024
_POLL_INTERVAL = 0.03
_REASON = "faas-gateway: "


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a gateway is to be started; `no_auth` counts how often that was asked for, `nats` is a server's address."""

    state_dir: Path
    host: str = "127.0.0.1"
    port: int = 8080
    unix: Path | None = None
    workers: int = 1
    metrics_port: int = 8082
    no_auth: int = 0
    engine: str = "process"
    provider_url: str = ""
    provider_secrets_dir: Path | None = None
    access_log: str = "off"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    nats: str = ""
    queue_lease: float | None = None
    store_url: str | None = None
    callback_hosts: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises UsageError for what would give this machine to everybody."""
        if self.no_auth == 1 and not _is_loopback(self.host):
            raise UsageError(
                f"`--no-auth` with `--host {self.host}` lets everybody who can reach this machine run programs on it",
                hint="give `--no-auth` twice if that is what you want",
            )

    def command(self) -> list[str]:
        """The command that runs such a gateway in the foreground."""
        command = [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(self.state_dir)]
        command += ["--host", self.host, "--port", str(self.port), "--metrics-port", str(self.metrics_port)]
        command += ["--engine", self.engine]
        if self.provider_url:
            command += ["--provider-url", self.provider_url]
        if self.provider_secrets_dir is not None:
            command += ["--provider-secrets-dir", str(self.provider_secrets_dir)]
        if self.workers > 1:
            command += ["--workers", str(self.workers)]
        if self.unix is not None:
            command += ["--unix", str(self.unix)]
        if self.access_log != "off":
            command += ["--access-log", self.access_log]
        if self.tls_cert is not None:
            command += ["--tls-cert", str(self.tls_cert)]
        if self.tls_key is not None:
            command += ["--tls-key", str(self.tls_key)]
        command += ["--nats", self.nats] if self.nats else []
        command += ["--queue-lease", f"{self.queue_lease:g}"] if self.queue_lease is not None else []
        command += ["--store-url", self.store_url] if self.store_url is not None else []
        command += [word for host in self.callback_hosts for word in ("--callback-host", host)]
        return [*command, "--no-auth"] if self.no_auth else command


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """A gateway that runs. `url` is empty while it starts."""

    pid: int
    url: str
    metrics_url: str
    auth: bool
    engine: str
    started_at: str
    restart: str = ""
    """The socket on which a restart can be asked for; empty where it cannot."""


def find(state_dir: Path) -> GatewayStatus | None:
    """The gateway that uses this state directory, None when there is none."""
    pid = _lock_owner(state_dir)
    if pid is None:
        return None
    told = _told(state_dir)
    if told.get("pid") != pid:
        told = {}
    return GatewayStatus(
        pid=pid,
        url=_reachable(str(told.get("url", ""))),
        metrics_url=str(told.get("metrics_url", "")),
        auth=bool(told.get("auth", True)),
        engine=str(told.get("engine") or "process"),
        started_at=str(told.get("started_at", "")),
        restart=str(told.get("restart", "")),
    )


def start(options: StartOptions) -> GatewayStatus:
    """Start a gateway in the background and return once it answers; it is logged in to.

    Raises FaasError: the reason is the gateway's own, the log holds the rest.
    """
    options.check()
    path = log_path(options.state_dir)
    try:
        options.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_name("gateway.log.1"))
        with path.open("ab") as log:
            began = log.tell()
            process = subprocess.Popen(
                options.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as err:
        raise FaasError(f"the gateway cannot be started: {err}") from None
    status = _until_it_answers(process, options.state_dir, began)
    login(options.state_dir, status)
    return status


def login(state_dir: Path, status: GatewayStatus) -> None:
    """Save the gateway's credentials for later commands. Raises FaasError."""
    from faas_cli.gateway.credentials import save_credentials

    path = state_dir / "basic-auth-password"
    # A gateway that was given its account in files elsewhere made none here.
    if status.auth and status.url and path.exists():
        save_credentials(status.url, USER, path.read_text(encoding="utf-8").strip())


def stop(state_dir: Path) -> bool:
    """Stop the gateway and return once it is gone; False when none runs. Raises FaasError."""
    pid = _lock_owner(state_dir)
    if pid is None:
        return False
    for number, limit in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            raise FaasError(f"the gateway (process {pid}) belongs to another user") from None
        if _wait_until_gone(state_dir, pid, limit):
            return True
    raise FaasError(f"the gateway (process {pid}) does not stop")


def run(options: StartOptions) -> None:
    """Become a gateway in the foreground. Does not return."""
    options.check()
    become(options.command())


def become(command: list[str]) -> NoReturn:
    """Put this command in the place of the present process."""
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


def _until_it_answers(process: subprocess.Popen[bytes], state_dir: Path, began: int) -> GatewayStatus:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _start_failure(state_dir, began)
        status = find(state_dir)
        if status is not None and status.pid == process.pid and status.url and _is_healthy(status.url):
            return status
        time.sleep(_POLL_INTERVAL)
    process.terminate()
    raise FaasError(
        f"the gateway did not answer within {START_TIMEOUT:g} s", hint=f"its log is `{log_path(state_dir)}`"
    )


def _start_failure(state_dir: Path, began: int) -> FaasError:
    message, _, hint = reason_since(state_dir, began).partition("; ")
    if message:
        return FaasError(message, hint=hint)
    lines = lines_since(state_dir, began)
    return FaasError(
        "the gateway ended before it answered",
        hint=f"its log is `{log_path(state_dir)}`",
        detail="\n".join(lines[-10:]),
    )


def _is_healthy(url: str) -> bool:
    try:
        # Our own process, asked only whether it answers: whom its certificate names does not matter.
        context = ssl._create_unverified_context() if url.startswith("https:") else None  # noqa: S323
        with urllib.request.urlopen(f"{url}/healthz", timeout=2, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _lock_owner(state_dir: Path) -> int | None:
    """The process that holds the lock, None when nobody does."""
    try:
        with (state_dir / "gateway.lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = file.read().decode("ascii", errors="replace").strip()
                return int(text) if text.isdigit() else None
    except OSError:
        pass
    return None


def _wait_until_gone(state_dir: Path, pid: int, limit: float) -> bool:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if _lock_owner(state_dir) != pid:
            return True
        time.sleep(_POLL_INTERVAL)
    return False


def _told(state_dir: Path) -> dict[str, object]:
    try:
        content = json.loads((state_dir / "gateway.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _reachable(url: str) -> str:
    """The address at which this machine reaches a gateway that listens everywhere."""
    if not url:
        return url
    parts = urlsplit(url)
    if parts.hostname in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return f"{parts.scheme}://127.0.0.1:{parts.port}"
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def log_path(state_dir: Path) -> Path:
    """Where it is written to."""
    return state_dir / "gateway.log"


def log_size(state_dir: Path) -> int:
    """How much there is."""
    path = log_path(state_dir)
    return path.stat().st_size if path.exists() else 0


def lines_since(state_dir: Path, began: int) -> list[str]:
    """The lines from a size the log once had."""
    try:
        with log_path(state_dir).open("rb") as log:
            log.seek(began)
            return log.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def reason_since(state_dir: Path, began: int) -> str:
    """Why a gateway that printed what is there from then on could not start; empty where it does not say."""
    said = [line for line in lines_since(state_dir, began) if line.startswith(_REASON)]
    return said[-1].removeprefix(_REASON) if said else ""


def log_lines(state_dir: Path, last: int, follow: bool) -> Iterator[str]:
    """The last lines; with `follow` also what comes. Raises FaasError when there is no log."""
    path = log_path(state_dir)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
            yield from (line.rstrip("\n") for line in lines[len(lines) - min(last, len(lines)) :])
            while follow:
                line = file.readline()
                if line:
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.2)
    except FileNotFoundError:
        raise FaasError(f"there is no log at `{path}`", hint="start a gateway with `faas gateway start`") from None
