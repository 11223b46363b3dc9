"""`--filter` and `--regex`."""

import pytest

from faas_cli.errors import StackError, UsageError
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.stack.select import select

STACK = Stack(
    provider=Provider(name="openfaas"),
    functions={name: Function(name=name) for name in ("api-users", "api-orders", "worker", "a.b")},
)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("api-*", ["api-users", "api-orders"]),
        ("*r*", ["api-users", "api-orders", "worker"]),
        ("worker", ["worker"]),
        ("*", ["api-users", "api-orders", "worker", "a.b"]),
        ("a.b", ["a.b"]),
    ],
)
def test_filter(pattern, names):
    """Only `*` is special, and the ends are anchored."""
    assert [function.name for function in select(STACK, pattern)] == names


@pytest.mark.parametrize("pattern", ["work", "api-?sers", "a?b", "[a]*"])
def test_filter_knows_nothing_but_the_star(pattern):
    """No other wildcard, no part of a name."""
    with pytest.raises(StackError, match="no function matches"):
        select(STACK, pattern)


def test_regex_matches_anywhere():
    """As faas-cli does."""
    assert [function.name for function in select(STACK, regex="ord|work")] == ["api-orders", "worker"]


def test_misuse():
    """Both at once, and what is no expression."""
    with pytest.raises(UsageError):
        select(STACK, "a", "b")
    with pytest.raises(UsageError, match="not a regular expression"):
        select(STACK, regex="(")
