"""Writing stack files without touching what is in them."""

import pytest

from faas_cli.errors import StackError
from faas_cli.stack.edit import append_function, append_template, new_stack_text
from faas_cli.stack.loader import parse_stack
from faas_cli.stack.model import Function, Resources, TemplateSource

ONE = Function(name="one", lang="go", handler="./one", image="one:latest")
TWO = Function(
    name="two", lang="python", handler="./two", image="acme/two:latest",
    requests=Resources(cpu="50m", memory="64Mi"), limits=Resources(memory="128Mi"),
)  # fmt: skip


def test_a_new_file_has_faas_clis_layout():
    """Order and spacing are part of the contract."""
    assert new_stack_text("http://127.0.0.1:8080", TWO) == (
        "version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\nfunctions:\n"
        "  two:\n    lang: python\n    handler: ./two\n    image: acme/two:latest\n"
        "    requests:\n      cpu: 50m\n      memory: 64Mi\n    limits:\n      memory: 128Mi\n\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "provider:\n  name: openfaas\nfunctions:\n  one:\n    lang: go\n    image: one # why\n# the end",
        "provider:\n  name: openfaas\nfunctions:\n    one:\n        lang: go\n\nconfiguration:\n  copy:\n  - x\n",
        "provider: {name: faas}\nfunctions:\n  one:\n    environment:\n      t: |\n       a\n       b\nversion: 1.0\n",
        "functions:\n  one: {lang: go}\nprovider: {name: openfaas}\n",
        "provider:\n  name: openfaas\nfunctions:\n",
        "provider:\n  name: openfaas\n",
    ],
)
def test_append_keeps_every_line(text):
    """Comments, order and indentation stay; the new function is one of the map's."""
    before = parse_stack(text, "f").functions
    result = append_function(text, TWO, "f")
    after = parse_stack(result, "f").functions
    assert set(after) == {*before, "two"}
    assert after["two"].image == TWO.image
    assert [line for line in result.splitlines() if line in text.splitlines()] == text.splitlines()


def test_append_refuses_a_name_that_is_there():
    """And says where."""
    with pytest.raises(StackError, match=r"f:7:5: .*already exists"):
        append_function(new_stack_text("http://h", ONE), ONE, "f")


@pytest.mark.parametrize(
    "text",
    [
        "provider: {name: faas}\n# the end",
        "provider: {name: faas}\nconfiguration:\n  templates:\n    - name: go # why\n      source: x\n\n# the end\n",
        "provider: {name: faas}\nconfiguration:\n  templates:\n  - name: go\n  copy:\n  - x\nfunctions:\n",
        "provider: {name: faas}\nconfiguration:\n  copy: # why\n    - x\n",
        "provider: {name: faas}\nconfiguration:\n  templates:\nfunctions: {}\n",
        "provider: {name: faas}\nconfiguration:\nfunctions: {}\n",
    ],
)
def test_a_template_is_added_and_nothing_else_changes(text):
    """Comments, order and indentation stay."""
    before = parse_stack(text, "f").configuration
    result = append_template(text, TemplateSource(name="rust", source="https://x/y#v1"), "f")
    after = parse_stack(result, "f").configuration
    assert list(after.templates) == [*before.templates, TemplateSource(name="rust", source="https://x/y#v1")]
    assert after.copy == before.copy
    lines = result.splitlines()
    for line in text.splitlines():
        assert line in lines
        lines = lines[lines.index(line) + 1 :]


@pytest.mark.parametrize(
    "configuration", ["configuration: {copy: [x]}", "configuration:\n  templates: [{name: a}]",
                      "configuration:\n  templates:\n  - name: rust"],
)  # fmt: skip
def test_templates_that_cannot_be_added_to(configuration):
    """Braces, or the template is there."""
    with pytest.raises(StackError):
        append_template(f"provider: {{name: faas}}\n{configuration}\n", TemplateSource(name="rust"), "f")


@pytest.mark.parametrize("last", ["\r\n", ""])
def test_line_ends_stay(last):
    """What is added ends its lines as the file does."""
    before = new_stack_text("http://h", ONE).rstrip("\n").replace("\n", "\r\n") + last
    for after in (append_function(before, TWO, "f"), append_template(before, TemplateSource(name="t"), "f")):
        assert after.startswith(before)
        assert after.count("\n") == after.count("\r\n") > before.count("\n")
