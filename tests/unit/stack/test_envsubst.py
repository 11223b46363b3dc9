"""`${NAME}` in stack files: the table of the command-line contract, form by form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_cli.stack.envsubst import SubstitutionError, substitute
from faas_cli.stack.loader import expand, parse_stack

VARIABLES = {"V": "value", "W": "inner", "EMPTY": "", "PATH_": "a/b/c.tar.gz", "MIXED": "hELLO"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${V}", "value"),
        ("${UNSET}", ""),
        ("$V and $", "$V and $"),
        ("${UNSET:-text}", "text"),
        ("${EMPTY:-text}", "text"),
        ("${V:-text}", "value"),
        ("${UNSET:=text}", "text"),
        ("${UNSET=text}", "text"),
        ("${UNSET:+text}", "text"),
        ("${UNSET:?text}", "text"),
        ("${UNSET:-${W}}", "inner"),
        ("${UNSET:-a-${W}-b}", "a-inner-b"),
        ("${UNSET:-http://h:80/p}", "http://h:80/p"),
        ("${#V}", "5"),
        ("${#UNSET}", "0"),
        ("${MIXED^}", "HELLO"),
        ("${MIXED^^}", "HELLO"),
        ("${V^}", "Value"),
        ("${MIXED,,}", "hello"),
        ("${V:2}", "lue"),
        ("${V:1:3}", "alu"),
        ("${V:-2}", "value"),
        ("${PATH_#*/}", "b/c.tar.gz"),
        ("${PATH_##*/}", "c.tar.gz"),
        ("${PATH_%.*}", "a/b/c.tar"),
        ("${PATH_%%.*}", "a/b/c"),
        ("${PATH_/a/x}", "x/b/c.tar.gz"),
        ("${V/#va/VA}", "VAlue"),
        ("${V/%ue/UE}", "valUE"),
        ("$${V}", "${V}"),
        ("a$$b", "a$b"),
        ("a\\\\b", "a\\b"),
        ("a\\/b", "a/b"),
    ],
)
def test_forms(text, expected):
    """Each form gives what faas-cli gives."""
    assert substitute(text, VARIABLES) == expected


@pytest.mark.parametrize("text", ["${", "${}", "${V", "a: ${V-text}", "${V+text}", "# ${ in a comment", "${V:x}"])
def test_what_is_refused(text):
    """A wrong expression is refused with its place, wherever it is."""
    with pytest.raises(SubstitutionError) as caught:
        substitute(text, VARIABLES)
    assert 0 <= caught.value.position <= len(text)


def test_all_occurrences_are_replaced():
    """`//` replaces every occurrence, `/` the first."""
    variables = {"V": "a-b-c"}
    assert substitute("${V//-/+} ${V/-/+}", variables) == "a+b+c a+b-c"


@given(st.text(alphabet=st.characters(exclude_characters="$\\")))
def test_text_without_expressions_stays(text):
    """Nothing else in a file changes."""
    assert substitute(text, VARIABLES) == text


@given(st.text())
def test_any_text_is_expanded_or_refused(text):
    """No input makes it fail in another way."""
    try:
        assert isinstance(substitute(text, VARIABLES), str)
    except SubstitutionError:
        pass


PEM = "-----BEGIN X-----\nabc: d\n\n-----END X-----\n"


@pytest.mark.parametrize(
    "written",
    [
        'A: "${PEM}"',
        "A: '${PEM}'",
        "A: |\n        ${PEM}",
        "A: ${UNSET:-${PEM}}",
    ],
)
def test_a_value_of_several_lines_arrives_as_it_is(monkeypatch, written):
    """In quotes its line feeds would become spaces; without them its lines would be keys."""
    value = PEM.replace(": d", "") if ":-" in written else PEM
    monkeypatch.setenv("PEM", value)
    text = f"provider: {{name: openfaas}}\nfunctions:\n  fn:\n    environment:\n      {written}\n"
    stack = parse_stack(expand(text, "my.yml"), "my.yml")
    assert stack.functions["fn"].environment["A"] == value


def test_a_value_of_keys_stays_keys(monkeypatch):
    """As faas-cli does, which expands the text before it is YAML."""
    monkeypatch.setenv("KEYS", "A: 1\nB: 2")
    text = "provider: {name: openfaas}\nfunctions:\n  fn:\n    environment:\n      ${KEYS}\n"
    stack = parse_stack(expand(text, "my.yml"), "my.yml")
    assert stack.functions["fn"].environment == {"A": "1", "B": "2"}
