"""Functions that the gateway calls by a schedule."""

from datetime import UTC, datetime, timedelta

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
