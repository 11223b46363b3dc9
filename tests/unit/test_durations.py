"""Durations in Go's notation."""

import pytest

from faas_runtime.core.durations import duration_or_none, go_duration, parse_duration

GO = [("300ms", 0.3), ("5s", 5), ("1m30s", 90), ("2h", 7200), ("1.5h", 5400), (".5s", 0.5), ("10µs", 1e-5), ("0", 0)]
INVALID = ["", "s", "1d", "10x", "1 s", "1m 30s", "m30s", "5sx", "1:30", "abc", "--5s"]


@pytest.mark.parametrize(("text", "seconds"), [*GO, ("-1s", -1), ("+1s", 1)])
def test_go_durations_are_seconds(text, seconds):
    """Flags accept what Go's own parser accepts."""
    assert go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [*INVALID, "5"])
def test_go_refuses_a_bare_number(text):
    """A number without a unit is a mistake on the command line."""
    with pytest.raises(ValueError, match="is not a duration"):
        go_duration(text)


@pytest.mark.parametrize(("text", "seconds"), [*GO, ("10", 10), ("1.5", 1.5), (" 90s ", 90)])
def test_settings_take_bare_seconds_too(text, seconds):
    """Annotations and variables may leave out the unit."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [*INVALID, "-5s", "-5", "+5s"])
def test_settings_refuse_invalid_text_and_signs(text):
    """Invalid text is an error, or None where invalid values are ignored."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)
    assert duration_or_none(text) is None
