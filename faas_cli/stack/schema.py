"""The JSON Schema of the stack file, made from its model, so that editors complete and check it."""

from __future__ import annotations

from typing import Any

import msgspec

from faas_cli.stack.loader import PROVIDERS
from faas_cli.stack.model import Configuration, Function, Provider

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def stack_schema() -> dict[str, Any]:
    """The schema as JSON values.

    In maps of texts any scalar is accepted: YAML writes numbers and booleans without quotes, and the
    reader keeps them as they are written.
    """
    kinds = [Function, Provider, Configuration]
    _, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    function = definitions["Function"]
    # The key of the map is the name.
    del function["properties"]["name"]
    definitions["Provider"]["properties"]["name"]["enum"] = list(PROVIDERS)
    for definition in definitions.values():
        _loosen(definition.get("properties", {}))
    return {
        "$schema": _DIALECT,
        "title": "faas stack file",
        "type": "object",
        "properties": {
            "version": {"enum": ["1.0", 1.0]},
            "provider": {"$ref": "#/$defs/Provider"},
            "functions": {
                "type": ["object", "null"],
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/Function"}, {"type": "null"}]},
            },
            "configuration": {"$ref": "#/$defs/Configuration"},
        },
        "required": ["provider"],
        "$defs": definitions,
    }


def _loosen(properties: dict[str, Any]) -> None:
    scalar = ["string", "number", "boolean", "null"]
    for name, field in properties.items():
        if field.get("type") == "string" and "enum" not in field:
            properties[name] = {**field, "type": scalar}
        extra = field.get("additionalProperties")
        if isinstance(extra, dict) and extra.get("type") == "string":
            field["additionalProperties"] = {"type": scalar}
