"""What the supervisor of this process, if it has one, must know of a restart: systemd's notification protocol."""

from __future__ import annotations

import contextlib
import os
import socket


def why_not_replaceable() -> str:
    """Why this process cannot give way to another one; empty where it can."""
    if os.getpid() == 1:
        return "the gateway is process 1 of a container, which ends with it; restart the container"
    if os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) and not os.environ.get("NOTIFY_SOCKET"):
        # It would take the end of this process for the end of the service, and end the next one, too.
        return "systemd watches this very process; use `systemctl restart`, or give the unit `Type=notify`"
    return ""


def notify(text: str) -> None:
    """Tell systemd something: `READY=1`, `MAINPID=4711`. Nothing happens where nobody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # An address that begins with @ is not in the file system.
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), address)
