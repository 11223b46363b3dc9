"""What a tool of `faas mcp` answers: limited sizes, and hints in the words of the tools."""

import json

import pytest

from faas_cli.agents.answers import MAX_BYTES, described, error_text, in_tool_words, listed, shortened
from faas_cli.errors import FaasError, UsageError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("`faas list` shows the functions", "`list_functions` shows the functions"),
        ("`faas logs fn` shows its log", "`function_logs` shows its log"),
        ("build it again: `faas build`", "build it again: `build_and_deploy`"),
        (
            "name one with `-f FILE`, or create a function with `faas new --lang go NAME`",
            "name one with `stack_file`, or create a function with `new_function`",
        ),
        ("choose another name, or another folder with `--handler`", "choose another name"),
        ("add the function to it with `--append fn.yml`", "add the function to it with `stack_file`: `fn.yml`"),
        ("start Docker and build with `--builder docker`", "start Docker and build with `builder`: `docker`"),
        ("start one with `faas gateway start`", "start one with `faas gateway start`"),
    ],
)
def test_hints_name_tools(text, words):
    """A command that no tool replaces stays a command."""
    assert in_tool_words(text) == words


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("value", ["ä" * 90, {"name": "x" * 90}, '"' * 40])
@pytest.mark.parametrize("limit", [512, 1000, 4096])
def test_a_list_loses_what_does_not_fit(value, last, limit):
    """The answer is as large as it may be, and says how many values are missing."""
    values = [[number, value] for number in range(200)]
    text = listed(values, limit, last=last)
    found = json.loads(text)
    shown = found["result"]
    assert limit - 250 < len(text.encode()) <= limit
    assert shown == (values[-len(shown) :] if last else values[: len(shown)])
    assert found["omitted"] == 200 - len(shown)


def test_a_list_that_fits():
    """It is whole, and says nothing of omissions."""
    assert json.loads(listed([])) == {"result": []}
    assert json.loads(listed(["a", "b"], last=True)) == {"result": ["a", "b"]}


def test_one_long_line_is_cut():
    """It is better than none."""
    found = json.loads(listed(["a", "\0" * 5000], 600, last=True))
    assert found["omitted"] == 2
    assert found["result"][0].startswith("\0" * 50)


def test_a_large_field_is_left_out():
    """The others stay."""
    fields = {"name": "fn", "envVars": {"A": "x" * 5000}, "labels": {"b": "c"}}
    assert json.loads(described(fields, 1000)) == {"name": "fn", "labels": {"b": "c"}, "omitted": ["envVars"]}
    assert json.loads(described(fields)) == fields


@pytest.mark.parametrize("text", ["x", "ü", "\n", "\0", "日", "\U0001f600"])
@pytest.mark.parametrize("size", [2, 3, 10, 1001])
def test_a_text_is_cut_at_a_character(text, size):
    """Its JSON has at most so many bytes, and no more of it would fit."""
    cut = shortened(text * 2000, size)
    assert len(json.dumps(cut, ensure_ascii=False).encode()) <= size
    assert len(json.dumps(cut + text, ensure_ascii=False).encode()) > size


def test_an_error_has_a_limit_too():
    """The end of a compiler's output is cut."""
    err = FaasError("it failed", hint="`faas build` again", detail="x" * 100_000)
    assert error_text(err).startswith("it failed\n`build_and_deploy` again\nxxx")
    assert len(error_text(err)) <= MAX_BYTES


def test_a_limit_in_which_nothing_fits():
    """It is refused."""
    with pytest.raises(UsageError, match="`max_bytes` must be at least 512: 10"):
        listed([], 10)
