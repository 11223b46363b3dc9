"""When a cron expression comes."""

from datetime import UTC, datetime

import pytest

from faas_runtime.gateway.cron.schedule import Schedule


def after(text, moment):
    found = Schedule.parse(text).after(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    return f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("* * * * *", "2026-01-01 00:00:30", "2026-01-01 00:01"),
        ("*/15 * * * *", "2026-01-01 00:15", "2026-01-01 00:30"),
        ("5/20 * * * *", "2026-01-01 00:26", "2026-01-01 00:45"),
        ("0 9-17/4 * * *", "2026-01-01 13:00", "2026-01-01 17:00"),
        ("30 2 * * mon-fri", "2026-01-02 03:00", "2026-01-05 02:30"),
        ("0 0 * * 7", "2026-01-01 00:00", "2026-01-04 00:00"),
        ("0 0 1,15 * *", "2026-01-01 00:00", "2026-01-15 00:00"),
        ("0 0 13 * fri", "2026-02-01 00:00", "2026-02-06 00:00"),
        ("0 0 29 feb *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59"),
        ("@hourly", "2026-01-01 00:59", "2026-01-01 01:00"),
        ("@monthly", "2026-12-02 00:00", "2027-01-01 00:00"),
    ],
)
def test_next_time(text, moment, expected):
    assert after(text, moment) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five parts"),
        ("* * * *", "five parts"),
        ("* * * * * *", "five parts"),
        ("60 * * * *", "`60` is not between 0 and 59"),
        ("* * 0 * *", "`0` is not between 1 and 31"),
        ("* * * foo *", "`foo`"),
        ("*/0 * * * *", "`0`"),
        ("5-1 * * * *", "runs backwards"),
        ("-5 * * * *", "``"),
        ("0 0 31 2 *", "never comes"),
        ("@sometimes", "five parts"),
    ],
)
def test_nonsense_names_what_is_wrong(text, words):
    with pytest.raises(ValueError) as caught:
        Schedule.parse(text)
    assert words in str(caught.value)
