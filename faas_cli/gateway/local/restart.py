"""Restarting the gateway of this machine without downtime: the new process inherits its sockets."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

from faas_cli.errors import FaasError
from faas_cli.gateway.local import process
from faas_cli.gateway.local.process import GatewayStatus

RESTART_TIMEOUT = 120.0
"""Seconds the new gateway may take to serve."""
_ANNOUNCE_TIMEOUT = 5.0


def restart(state_dir: Path, arguments: list[str]) -> GatewayStatus:
    """Restart the gateway with the same arguments and additional ones. Raises FaasError."""
    running = process.find(state_dir)
    if running is None:
        raise FaasError(f"no gateway is running in `{state_dir}`", hint="start one with `faas gateway start`")
    if not running.restart:
        raise FaasError(
            f"the gateway (process {running.pid}) cannot be restarted without downtime",
            hint="run `faas gateway stop`, then `faas gateway start`",
        )
    began = process.log_size(state_dir)
    answer = _ask(running, arguments)
    if problem := answer.get("problem"):
        reason = process.reason_since(state_dir, began)
        log = process.log_path(state_dir)
        raise FaasError(f"the restart failed, nothing changed: {reason or problem}", hint=f"its log is `{log}`")
    return _announced(state_dir, answer.get("pid"))


def _ask(running: GatewayStatus, arguments: list[str]) -> dict[str, object]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(RESTART_TIMEOUT)
            sock.connect(running.restart)
            sock.sendall(json.dumps({"arguments": arguments}).encode() + b"\n")
            answer = json.loads(sock.makefile("rb").readline())
    except (OSError, ValueError) as err:
        raise FaasError(f"the gateway (process {running.pid}) did not answer: {err}") from None
    return answer if isinstance(answer, dict) else {}


def _announced(state_dir: Path, pid: object) -> GatewayStatus:
    deadline = time.monotonic() + _ANNOUNCE_TIMEOUT
    while time.monotonic() < deadline:
        status = process.find(state_dir)
        if status is not None and status.pid == pid and status.url:
            return status
        time.sleep(0.03)
    raise FaasError("the new gateway exited", hint=f"its log is `{process.log_path(state_dir)}`")
