"""When a gateway may be replaced by another process."""

import os

import pytest

from faas_runtime.gateway.listeners.sd_notify import restart_problem


@pytest.mark.parametrize(
    ("ours", "notified", "refused"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_restart_needs_systemd_notifications(monkeypatch, ours, notified, refused):
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid() if ours else os.getppid()))
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if notified:
        monkeypatch.setenv("NOTIFY_SOCKET", "@systemd")

    assert ("Type=notify" in restart_problem()) is refused


def test_process_1_is_not_replaced(monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)

    assert "restart the container" in restart_problem()
