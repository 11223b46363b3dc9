"""Changed inputs are reported by name."""

from faas_cli.images.change_report import differences


def test_what_has_changed_come_and_gone():
    """By name, whatever order they were found in."""
    last = {"`fn/b.py`": "1", "`fn/a.py`": "1", "the label `x`": "1", "same": "1"}
    now = {"the label `y`": "1", "same": "1", "`fn/a.py`": "2", "`fn/b.py`": "1"}
    assert differences(last, now) == ["`fn/a.py` has changed", "the label `x` was removed", "the label `y` is new"]


def test_nothing():
    """No words."""
    assert differences({"a": "1"}, {"a": "1"}) == []
