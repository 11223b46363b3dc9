"""When a cron expression comes, also by clocks that change."""

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
        ("0 0 ? * mon", "2026-01-01 00:00", "2026-01-05 00:00"),
        ("0 0 13 * ?", "2026-02-01 00:00", "2026-02-13 00:00"),
        ("@hourly", "2026-01-01 00:59", "2026-01-01 01:00"),
        ("@monthly", "2026-12-02 00:00", "2027-01-01 00:00"),
    ],
)
def test_next_time(text, moment, expected):
    assert after(text, moment) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "the minute is invalid"),
        ("* * 0 * *", "the day-of-month is invalid"),
        ("* * * foo *", "the month is invalid"),
        ("*/0 * * * *", "the minute is invalid"),
        ("5-1 * * * *", "the minute is invalid"),
        ("-5 * * * *", "the minute is invalid"),
        ("0 0 31 2 *", "the day-of-month is invalid"),
        ("0 0 * 2 MON#6", "the day-of-week is invalid"),
        ("@sometimes", "five fields"),
        ("CRON_TZ=Europe/Berlin", "five fields"),
        ("CRON_TZ=Europe/Nowhere * * * * *", "`Europe/Nowhere` is not a time zone"),
        ("CRON_TZ=../../etc/passwd * * * * *", "is not a time zone"),
        ("CRON_TZ=Europe * * * * *", "`Europe` is not a time zone"),
    ],
)
def test_an_invalid_expression_names_what_is_wrong(text, words):
    with pytest.raises(ValueError) as caught:
        Schedule.parse(text)
    assert words in str(caught.value)


def runs(text, begin, number, timezone=""):
    """The next moments after `begin`, in UTC, each found from the one before."""
    schedule, moment, found = Schedule.parse(text, timezone), datetime.fromisoformat(begin), []
    for _ in range(number):
        following = schedule.after(moment)
        assert following is not None
        moment = following
        found.append(f"{moment:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "timezone"),
    [("0 9 * * *", "Europe/Berlin"), ("CRON_TZ=Europe/Berlin 0 9 * * *", ""), ("TZ=Europe/Berlin 0 9 * * *", "")],
)
def test_the_time_zone_is_that_of_the_annotation_or_of_the_prefix(text, timezone):
    """Nine in Berlin is eight in UTC in winter and seven in summer."""
    assert runs(text, "2026-03-27T12:00Z", 3, timezone) == ["03-28 08:00", "03-29 07:00", "03-30 07:00"]


def test_two_time_zones_contradict_each_other():
    """The same one twice does not."""
    assert Schedule.parse("CRON_TZ=Asia/Tokyo 0 9 * * *", "Asia/Tokyo")
    with pytest.raises(ValueError, match="contradict each other"):
        Schedule.parse("CRON_TZ=Asia/Tokyo 0 9 * * *", "Europe/Berlin")


def test_a_time_that_the_clocks_skip_comes_when_they_have_been_put_forward():
    """In Berlin there is no 02:30 on 2026-03-29: at 01:00 UTC it is three o'clock."""
    assert runs("30 2 * * *", "2026-03-28T00:00Z", 3, "Europe/Berlin") == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_two_times_that_meet_at_the_change_are_one():
    """02:00, 02:30 and 03:00 are the same moment on that day."""
    found = runs("0,30 2,3 * * *", "2026-03-28T23:00Z", 3, "Europe/Berlin")
    assert found == ["03-29 01:00", "03-29 01:30", "03-30 00:00"]


def test_a_time_that_comes_twice_counts_once():
    """In Berlin 02:30 is at 00:30 and at 01:30 UTC on 2026-10-25."""
    assert runs("30 2 * * *", "2026-10-24T12:00Z", 2, "Europe/Berlin") == ["10-25 00:30", "10-26 01:30"]


def test_between_the_two_the_next_day_is_next():
    """A gateway that starts in the second of the two hours does not call what the first has had."""
    assert runs("30 2 * * *", "2026-10-25T01:10Z", 1, "Europe/Berlin") == ["10-26 01:30"]


def test_intervals_follow_the_real_time():
    """Every half hour stays every half hour, in the hour that is skipped and in that which comes twice."""
    for begin in ("2026-03-29T00:15Z", "2026-10-25T00:15Z"):
        day = begin[5:10]
        times = ["00:30", "01:00", "01:30", "02:00"]
        assert runs("*/30 * * * *", begin, 4, "Europe/Berlin") == [f"{day} {each}" for each in times]


def test_a_change_of_half_an_hour():
    """Lord Howe Island puts its clocks forward by thirty minutes at 02:00, which is 15:30 UTC."""
    assert runs("15 2 * * *", "2026-10-03T00:00Z", 2, "Australia/Lord_Howe") == ["10-03 15:30", "10-04 15:15"]
