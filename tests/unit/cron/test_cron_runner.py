"""Calls of scheduled functions, with the test's clock."""

import asyncio
from datetime import UTC, datetime, timedelta

from faas_runtime.core.api import FunctionStatus
from faas_runtime.gateway.cron.runner import CronRunner
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("report", "openfaas-fn")


class Functions:
    """Stands in for the status cache."""

    def __init__(self, annotations):
        self.annotations = annotations

    def all(self):
        return {KEY: FunctionStatus(name=KEY.name, image="x", created_at="", annotations=self.annotations)}


def run(annotations, minutes, begin="2026-01-01 00:00:30"):
    """Step once a minute; returns the minutes in which the function was called."""
    moment = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    calls = []

    async def accept(call):
        calls.append((f"{moment:%H:%M}", call.key))

    async def scenario():
        nonlocal moment
        runner = CronRunner(Functions(annotations), accept, lambda: moment)
        for _ in range(minutes):
            assert 0 < await runner.step() <= 5
            moment += timedelta(minutes=1)

    asyncio.run(scenario())
    assert all(key == KEY for _, key in calls)
    return [at for at, _ in calls]


def test_a_function_is_called_at_its_times():
    assert run({"topic": "cron-function", "schedule": "*/5 * * * *"}, 12) == ["00:05", "00:10"]


def test_it_may_have_other_topics_too():
    assert run({"topic": "uploads, cron-function", "schedule": "3 * * * *"}, 5) == ["00:03"]


def test_the_schedule_may_be_in_a_time_zone():
    """Half past five in India is midnight in UTC."""
    annotations = {"topic": "cron-function", "schedule": "32 5 * * *", "com.faas.schedule.timezone": "Asia/Kolkata"}
    assert run(annotations, 5) == ["00:02"]


def test_other_functions_are_left_alone():
    assert run({"topic": "uploads", "schedule": "* * * * *"}, 5) == []
    assert run({"topic": "cron-function"}, 5) == []
    assert run({"topic": "cron-function", "schedule": "invalid"}, 5) == []
