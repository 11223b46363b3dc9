"""Functions that the gateway calls by a schedule."""

import sys
from datetime import UTC, datetime, timedelta

from tests.gateways import ECHO, Gateway

EVERY_MINUTE = {"topic": "cron-function", "schedule": "* * * * *"}


def test_a_scheduled_function_is_called_at_its_minute(gateway, wait_for):
    """In the minute of `nextRun`, through the queue, so its result can be read."""
    gateway.deploy("tick", "echo", envProcess="env", envVars={"cgi_headers": "true"}, annotations=EVERY_MINUTE)
    gateway.deploy("idle", "echo", annotations={"schedule": "* * * * *"})
    announced = datetime.fromisoformat(gateway.status("tick")["nextRun"])
    assert timedelta(0) < announced - datetime.now(UTC) <= timedelta(minutes=1)
    assert "nextRun" not in gateway.status("idle")
    (listed,) = [each for each in gateway.ask("GET", "/system/functions").json() if each["name"] == "tick"]
    assert listed["nextRun"] >= gateway.status("tick")["nextRun"]

    (call,) = wait_for(lambda: gateway.ask("GET", "/system/queue?state=done").json()["calls"], 75)

    assert (call["function"], call["created"] >= announced.timestamp()) == ("tick", True)
    answer = gateway.ask("GET", f"/system/async/{call['callId']}/result").text
    assert "Http_X_Topic=cron-function" in answer


def test_a_schedule_that_is_invalid_is_refused(gateway):
    answer = gateway.deploy("tick", "echo", annotations={"topic": "cron-function", "schedule": "61 * * * *"})

    assert (answer.status, "annotation `schedule`" in answer.text) == (400, True)


def test_schedules_are_left_to_a_connector(tmp_path, watchdog_binary):
    """With `--no-schedules` there is no next run, and the gateway says nothing of one."""
    (tmp_path / "state").mkdir()
    found = Gateway(tmp_path / "state", "--no-schedules")
    found.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
    found.start()
    try:
        found.deploy("tick", "echo", annotations=EVERY_MINUTE)
        assert "nextRun" not in found.status("tick")
        assert "cron" not in found.ask("GET", "/healthz").text
    finally:
        found.stop()
