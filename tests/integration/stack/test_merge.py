"""Several stack files as one."""

import pytest

from faas_cli.errors import StackError
from faas_cli.stack.loader import load

BASE = """provider: {name: openfaas, gateway: http://one}
functions:
  a:
    image: acme/a:1
    environment: &env {LEVEL: info, KEEP: x}
    secrets: [one, two]
    limits: {memory: 64Mi, cpu: 100m}
  b:
    environment:
      <<: *env
      OWN: y
"""


@pytest.fixture
def merged(tmp_path):
    (tmp_path / "base.yml").write_text(BASE)

    def merge(*overlays):
        paths = []
        for number, text in enumerate(overlays):
            paths.append(tmp_path / f"over{number}.yml")
            paths[-1].write_text(text)
        return load(tmp_path / "base.yml", *paths)

    return merge


def test_maps_are_merged_and_other_values_replaced(merged):
    """An overlay says only what differs; it needs no provider."""
    stack = merged("functions: {a: {environment: {LEVEL: debug}, secrets: [three], limits: {cpu: '1'}}}\n")
    function = stack.functions["a"]
    assert function.environment == {"LEVEL": "debug", "KEEP": "x"}
    assert function.secrets == ["three"]
    assert (function.limits.memory, function.limits.cpu) == ("64Mi", "1")
    assert function.image == "acme/a:1"
    assert stack.functions["b"].environment == {"LEVEL": "info", "KEEP": "x", "OWN": "y"}


def test_functions_are_added_and_the_last_file_wins(merged):
    """In the order of the files."""
    stack = merged(
        "provider: {gateway: http://two}\nfunctions: {c: {image: c}}\n", "provider: {gateway: http://three}\n"
    )
    assert list(stack.functions) == ["a", "b", "c"]
    assert stack.provider.gateway == "http://three"
    assert [path.name for path in stack.files] == ["base.yml", "over0.yml", "over1.yml"]


def test_an_empty_value_takes_away(merged):
    """As it does in one file."""
    assert merged("functions: {a: {secrets: }}\n").functions["a"].secrets == []


def test_a_mistake_is_told_in_its_own_file(merged):
    """Not in the one it is merged into."""
    with pytest.raises(StackError, match=r"over0\.yml:1:28: `functions\.a\.labels` must be a map"):
        merged("functions: {a: {labels:    [x]}}\n")
