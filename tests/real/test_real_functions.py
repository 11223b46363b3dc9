"""Functions as people write them answer the same, whatever built them and wherever they run."""

import pytest

from tests.real.conftest import NAMES, corpus


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("engine", ["process", "docker"])
def test_function_answers_as_expected(deployed, engine, name):
    """Status, headers and body of every call are those of `calls.yaml`, and so is what was logged."""
    functions = deployed(engine)
    functions.deploy(name)
    for call in corpus(name)["calls"]:
        status, headers, body = functions.call(name, call)
        said = f"{name} {call}: {status} {body[:500]!r}\n{functions.built.stderr[-3000:]}"
        assert status == call.get("status", 200), said
        if "answer" in call:
            answer = call["answer"]
            assert body == (answer if isinstance(answer, bytes) else answer.encode()), said
        for field, values in call.get("fields", {}).items():
            assert [value for key, value in headers if key.lower() == field.lower()] == values, headers
        if "log" in call:
            assert functions.logged(name, call["log"]), call["log"]
    functions.end(name)
