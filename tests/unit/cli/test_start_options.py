"""What `faas gateway start` hands to the gateway."""

from pathlib import Path

import pytest

from faas_cli.gateway.local.process import StartOptions
from faas_runtime.gateway.__main__ import _parser
from faas_runtime.gateway.environment import Environment


def understood(**options):
    """The gateway's own reading of the command made from these options."""
    _, module, *arguments = StartOptions(Path("/state"), **options).command()[1:]
    assert module == "faas_runtime.gateway"
    return _parser(Environment.of({"OPENFAAS_STORE": "http://store/"})).parse_args(arguments)


@pytest.mark.parametrize(("typed", "store"), [(None, "http://store/"), ("", ""), ("http://other/", "http://other/")])
def test_the_store_is_the_one_typed_or_the_environments(typed, store):
    assert understood(store_url=typed).store_url == store


def test_every_callback_host_is_handed_on():
    assert understood().callback_hosts == []
    assert understood(callback_hosts=("a", "b")).callback_hosts == ["a", "b"]
