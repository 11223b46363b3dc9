"""systemd's notification protocol, and where this process cannot be replaced by another one."""

from __future__ import annotations

import contextlib
import os
import socket


def restart_problem() -> str:
    """Why this process cannot hand over to a new one; empty if it can."""
    if os.getpid() == 1:
        return "the gateway is process 1 of a container, which ends with it; restart the container"
    if os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) and not os.environ.get("NOTIFY_SOCKET"):
        # systemd would treat the end of this process as the end of the service, and end the new one, too.
        return "systemd supervises this process; use `systemctl restart`, or give the unit `Type=notify`"
    return ""


def notify(text: str) -> None:
    """Send systemd a notification, `READY=1` or `MAINPID=4711`. Does nothing without systemd."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # An address that begins with @ is in Linux's abstract namespace, not in the file system.
    address = "\0" + path[1:] if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), address)
