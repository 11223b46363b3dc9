"""Annotations that every engine follows."""

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.common.annotations import concurrency, watchdog_settings


def deployment(annotations, **variables):
    return FunctionDeployment(service="a", image="a", annotations=annotations, env_vars=variables)


def test_one_timeout_sets_all_of_the_watchdogs():
    """One annotation sets all three variables."""
    found = watchdog_settings(deployment({"com.faas.timeout": "90s"}, exec_timeout="1m30s", other="x"))
    assert found == {"exec_timeout": "90s", "read_timeout": "90s", "write_timeout": "90s"}


@pytest.mark.parametrize("name", ["exec_timeout", "read_timeout", "write_timeout"])
@pytest.mark.parametrize("value", ["5s", "2h", "soon"])
def test_two_timeouts_are_refused(name, value):
    """The shorter one would cut calls off; the error names both."""
    with pytest.raises(Invalid) as caught:
        watchdog_settings(deployment({"com.faas.timeout": "90s"}, **{name: value}))
    assert f"`{name}: {value}` contradict each other" in str(caught.value)
    assert "`com.faas.timeout: 90s`" in str(caught.value)


def test_variables_alone_are_the_users_own():
    """Without the annotation no variable is set."""
    assert watchdog_settings(deployment({}, exec_timeout="5s", max_inflight="3")) == {}


def test_concurrency_limits_the_watchdog():
    """The limit of one replica is the watchdog's `max_inflight`."""
    assert watchdog_settings(deployment({"com.faas.concurrency": "4"}, max_inflight="4")) == {"max_inflight": "4"}
    with pytest.raises(Invalid, match="`max_inflight: 5` contradict"):
        watchdog_settings(deployment({"com.faas.concurrency": "4"}, max_inflight="5"))


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "\u0663"])
def test_concurrency_is_a_number(text):
    """Anything but a whole number above zero is refused."""
    with pytest.raises(Invalid, match="is not a whole number above zero"):
        concurrency(deployment({"com.faas.concurrency": text}))
