"""The gateway of this machine as a background process: starting it, finding it, stopping it.

The gateway is a command of the runtime. It reports its state in two files of the state directory:
`gateway.lock`, locked while it lives and containing its process id, and `gateway.json`, written
when it answers.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from faas_cli.console import current_console
from faas_cli.errors import FaasError
from faas_runtime.core.durations import duration_or_none

USER = "admin"
START_TIMEOUT = 30.0
"""Seconds a gateway may take to answer."""
_MIN_STOP_TIMEOUT = 30.0
_STOP_MARGIN = 20.0
"""Seconds that a gateway may need besides its `stop_timeout` before it is killed."""
_MAX_LOG_BYTES = 10 * 1024 * 1024
_POLL_INTERVAL = 0.03
_REASON = "faas-gateway: "


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """A running gateway. `url` is empty while it starts."""

    pid: int
    url: str
    metrics_url: str
    auth: bool
    engine: str
    started_at: str
    restart: str = ""
    """The socket on which a restart can be requested; empty where it cannot."""
    settings: tuple[dict[str, Any], ...] = ()
    """Name, value, source and origin of every setting; empty while it starts."""


def find(state_dir: Path) -> GatewayStatus | None:
    """The gateway that uses this state directory, None if none runs."""
    pid = _lock_owner(state_dir)
    if pid is None:
        return None
    announced = _announced(state_dir)
    if announced.get("pid") != pid:
        announced = {}
    return GatewayStatus(
        pid=pid,
        url=_reachable(str(announced.get("url", ""))),
        metrics_url=str(announced.get("metrics_url", "")),
        auth=bool(announced.get("auth", True)),
        engine=str(announced.get("engine") or "process"),
        started_at=str(announced.get("started_at", "")),
        restart=str(announced.get("restart", "")),
        settings=tuple(announced.get("settings", ())),
    )


def start(state_dir: Path, arguments: Sequence[str]) -> GatewayStatus:
    """Start a gateway in the background, log in to it, and return once it answers.

    Raises FaasError with the gateway's reason.
    """
    path = log_path(state_dir)
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_name("gateway.log.1"))
        with path.open("ab") as log:
            began = log.tell()
            process = subprocess.Popen(
                command("run", arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as err:
        raise FaasError(f"the gateway cannot be started: {err}") from None
    status = _until_it_answers(process, state_dir, began)
    login(state_dir, status)
    return status


def login(state_dir: Path, status: GatewayStatus) -> None:
    """Save the gateway's credentials for later commands. Raises FaasError."""
    from faas_cli.gateway.credentials import save_credentials

    path = state_dir / "basic-auth-password"
    # A gateway with `--secrets-dir` has its password elsewhere.
    if status.auth and status.url and path.exists():
        save_credentials(status.url, USER, path.read_text(encoding="utf-8").strip())


def stop(state_dir: Path) -> bool:
    """Stop the gateway and return once it is gone; False when none runs. Raises FaasError."""
    running = find(state_dir)
    if running is None:
        return False
    pid = running.pid
    for number, limit in ((signal.SIGTERM, _stop_timeout(running)), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            raise FaasError(f"the gateway (process {pid}) belongs to another user") from None
        if _wait_until_gone(state_dir, pid, limit):
            return True
    raise FaasError(f"the gateway (process {pid}) does not stop, not even by SIGKILL")


def command(subcommand: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a gateway (`run`), or a standalone provider (`provide`), in the foreground."""
    return [sys.executable, "-m", "faas_runtime.gateway", subcommand, *arguments]


def become(command: list[str]) -> NoReturn:
    """Replace the present process by this command."""
    current_console().flush()
    os.execv(command[0], command)  # noqa: S606 - a list, no shell


def _stop_timeout(running: GatewayStatus) -> float:
    """Seconds the gateway may take to stop before it is killed."""
    timeouts = (duration_or_none(str(each["value"])) for each in running.settings if each["name"] == "stop_timeout")
    return max(_MIN_STOP_TIMEOUT, (next(timeouts, None) or 0.0) + _STOP_MARGIN)


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
        "the gateway exited before it answered",
        hint=f"its log is `{log_path(state_dir)}`",
        detail="\n".join(lines[-10:]),
    )


def _is_healthy(url: str) -> bool:
    try:
        # A health check of our own process: its certificate may have any name.
        context = ssl._create_unverified_context() if url.startswith("https:") else None  # noqa: S323
        with urllib.request.urlopen(f"{url}/healthz", timeout=2, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _lock_owner(state_dir: Path) -> int | None:
    """The process id of the lock's holder, None if it is not locked."""
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
        # The lock is released before the process has ended.
        if _lock_owner(state_dir) != pid and not _is_running(pid):
            return True
        time.sleep(_POLL_INTERVAL)
    return False


def _is_running(pid: int) -> bool:
    """Whether a process has not ended. A zombie has: nobody has read its exit code yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process that has got the number by now
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1] != ["Z"]
    except OSError:  # ended just now; or no /proc on this system
        return not Path("/proc/self").exists()


def _announced(state_dir: Path) -> dict[str, Any]:
    try:
        content = json.loads((state_dir / "gateway.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _reachable(url: str) -> str:
    """A gateway's address for this machine, also if it listens on all addresses."""
    if not url:
        return url
    parts = urlsplit(url)
    if parts.hostname in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return f"{parts.scheme}://127.0.0.1:{parts.port}"
    return url


def log_path(state_dir: Path) -> Path:
    """Path of the gateway's log."""
    return state_dir / "gateway.log"


def log_size(state_dir: Path) -> int:
    """Size of the log in bytes."""
    path = log_path(state_dir)
    return path.stat().st_size if path.exists() else 0


def lines_since(state_dir: Path, began: int) -> list[str]:
    """The log lines written after it had the size `began`."""
    try:
        with log_path(state_dir).open("rb") as log:
            log.seek(began)
            return log.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def reason_since(state_dir: Path, began: int) -> str:
    """The reason of a failed start in the log after the size `began`; empty if there is none."""
    reasons = [line for line in lines_since(state_dir, began) if line.startswith(_REASON)]
    return reasons[-1].removeprefix(_REASON) if reasons else ""


def log_lines(state_dir: Path, last: int, follow: bool) -> Iterator[str]:
    """The last lines; with `follow` also new ones. Raises FaasError when there is no log."""
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
