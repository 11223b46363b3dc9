"""The `com.openfaas.scale.*` labels in numbers."""

import pytest

from faas_runtime.gateway.scaling.limits import ScaleLimits, after_alert, for_load, limits_of


def labels(**given):
    return {f"com.openfaas.scale.{name.replace('__', '.').replace('_', '-')}": value for name, value in given.items()}


def test_without_labels_nothing_is_automatic():
    assert limits_of(None) == limits_of({"other": "1"}) == ScaleLimits()
    assert not limits_of(labels(min="2")).automatic


def test_concurrency_is_the_target():
    """One number is a replica's limit and the scaler's target."""
    found = limits_of(labels(max="9"), {"com.faas.concurrency": "4"})
    assert (found.kind, found.target, found.maximum, found.automatic) == ("capacity", 4, 9, True)


def test_labels_say_more_than_concurrency():
    """A label's measure is used; the number is then the watchdog's limit only."""
    concurrency = {"com.faas.concurrency": "4"}
    assert limits_of(labels(target="2"), concurrency).target == 2
    found = limits_of(labels(type="rps"), concurrency)
    assert (found.kind, found.target) == ("rps", ScaleLimits().target)


def test_every_label_is_read():
    found = limits_of(
        labels(
            min="2",
            max="8",
            factor="25",
            zero="true",
            zero_duration="2m",
            type="capacity",
            target="4",
            target_proportion="0.5",
            down__window="1m",
        )
    )

    assert found == ScaleLimits(2, 8, 25, True, 120, "capacity", 4, 0.5, 60, True)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "1e9", "nan", "99999999999999999999"])
def test_an_invalid_label_is_ignored(text):
    found = limits_of(labels(min=text, max=text, target_proportion="x", type=text, zero=text, zero_duration="x"))

    assert (found.minimum, found.maximum, found.kind, found.zero) == (1, 5, "rps", False)


def test_a_window_has_a_limit():
    assert limits_of(labels(down__window="1h")).down_window == 300


@pytest.mark.parametrize(
    ("maximum", "factor", "steps"),
    [
        (5, 10, [1, 2, 3, 4, 5, 5]),
        (5, 20, [1, 2, 3, 4, 5]),
        (5, 40, [1, 3, 5]),
        (5, 100, [1, 5]),
        (3, 10, [1, 2, 3]),
        (20, 20, [1, 5, 9, 13, 17, 20]),
    ],
)
def test_an_alert_goes_up_by_steps(maximum, factor, steps):
    limits = ScaleLimits(maximum=maximum, factor=factor)
    found = [1]
    while len(found) < len(steps):
        found.append(after_alert(limits, found[-1], firing=True))

    assert found == steps
    assert after_alert(limits, 4, firing=False) == 1


def test_an_alert_with_factor_zero_keeps_the_minimum():
    assert after_alert(ScaleLimits(minimum=2, factor=0), 4, firing=True) == 2


@pytest.mark.parametrize(("load", "count"), [(0, 1), (9, 1), (9.1, 2), (18, 2), (27.5, 4), (1000, 5)])
def test_replicas_carry_the_load_below_their_target(load, count):
    assert for_load(ScaleLimits(target=10, proportion=0.9), load) == count
