"""The JSON Schema of the stack file."""

from faas_cli.stack.model import Function
from faas_cli.stack.schema import stack_schema


def test_every_key_of_the_model_is_in_it():
    """And the function's name is not: it is the key of the map."""
    properties = stack_schema()["$defs"]["Function"]["properties"]
    assert set(properties) == {name for name in Function.__struct_fields__ if name != "name"}


def test_unquoted_scalars_are_accepted_where_texts_are_meant():
    """`PORT: 8080` is a text to us and a number to YAML."""
    environment = stack_schema()["$defs"]["Function"]["properties"]["environment"]
    assert "number" in environment["additionalProperties"]["type"]


def test_both_provider_names_and_nothing_else():
    """An editor marks a misspelt one."""
    assert stack_schema()["$defs"]["Provider"]["properties"]["name"]["enum"] == ["openfaas", "faas"]
