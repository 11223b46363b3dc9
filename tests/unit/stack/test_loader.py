"""Reading stack files: faas-cli's typing rules, and errors with their position."""

import pytest

from faas_cli.errors import StackError
from faas_cli.stack import variables
from faas_cli.stack.loader import expand, parse_stack

HEAD = "version: 1.0\nprovider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\nfunctions:\n"


def function(text: str):
    body = "".join(f"    {line}\n" for line in text.splitlines())
    return parse_stack(f"{HEAD}  f:\n{body}", "stack.yml").functions["f"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("010", "010"),
        ("yes", "yes"),
        ("1.50", "1.50"),
        ("true", "true"),
        ("2024-01-02", "2024-01-02"),
        ("~", ""),
        ("", ""),
    ],
)
def test_scalars_of_string_maps_stay_as_written(written, kept):
    """A YAML 1.1 loader would make numbers, dates and booleans of them."""
    assert function(f"labels:\n  key: {written}").labels == {"key": kept}


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("on", True), ("true", True), ("no", False), ("off", False)]
)
def test_boolean_keys_take_every_word(word, value):
    """`skip_build: yes` works as it does in YAML 1.1."""
    assert function(f"skip_build: {word}").skip_build is value


def test_a_function_may_be_empty():
    """A null function is an empty function."""
    assert parse_stack(f"{HEAD}  f:\n", "stack.yml").functions["f"].name == "f"


def test_anchors_and_merges_work():
    """`<<` merges, and a key of its own wins."""
    text = f"{HEAD}  a: &base\n    lang: go\n    image: a\n  b:\n    <<: *base\n    image: b\n"
    functions = parse_stack(text, "stack.yml").functions
    assert (functions["b"].lang, functions["b"].image) == ("go", "b")


def test_functions_keep_the_order_of_the_file():
    """The order is the file's, not a hash map's."""
    text = HEAD + "".join(f"  {name}: {{}}\n" for name in "zyxabc")
    assert list(parse_stack(text, "stack.yml").functions) == list("zyxabc")


@pytest.mark.parametrize("name", ["openfaas", "faas"])
def test_both_provider_names(name):
    """2018's name is accepted as well."""
    assert parse_stack(f"provider:\n  name: {name}\n", "stack.yml").provider.name == name


def test_unknown_keys_are_ignored():
    """Other tools' keys are none of our business."""
    assert function("lang: go\nsomething_else: [1, 2]").lang == "go"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("provider:\n  name: docker\n", 2, "provider.name", "must be `openfaas`"),
        ("version: 1.1\nprovider:\n  name: faas\n", 1, "version", "must be `1.0`"),
        (f"{HEAD}  f:\n    labels: [a]\n", 7, "functions.f.labels", "must be a map"),
        (f"{HEAD}  f:\n    secrets: name\n", 7, "functions.f.secrets", "must be a list"),
        (f"{HEAD}  f:\n    image: {{a: b}}\n", 7, "functions.f.image", "must be a text"),
        (f"{HEAD}  f:\n    skip_build: maybe\n", 7, "functions.f.skip_build", "must be `true` or `false`"),
        (f"{HEAD}  f: {{}}\n  f: {{}}\n", 7, "functions.f", "in lines 6 and 7"),
        (f"{HEAD}\tf:\n", 6, "", "not YAML"),
        (f"{HEAD}  f: [\n", 7, "", "not YAML"),
        ("functions: {}\n", 1, "", "`provider` is missing"),
        ("- a\n", 1, "", "must be a map"),
    ],
)
def test_mistakes_are_told_with_their_place(text, line, key, words):
    """File, line and key, in one sentence."""
    with pytest.raises(StackError) as caught:
        parse_stack(text, "my.yml")
    assert str(caught.value).startswith(f"my.yml:{line}:")
    assert words in str(caught.value)
    assert caught.value.key == key


def test_a_wrong_expression_is_told_with_its_line():
    """Even in a comment, as faas-cli does."""
    with pytest.raises(StackError, match=r"my\.yml:2:3: "):
        expand("a: b\n# ${\n", "my.yml")


MINIMAL = "provider:\n  name: openfaas\nfunctions:\n  fn:\n    lang: go\n"


def test_only_the_first_document_counts():
    """As faas-cli reads a file."""
    assert list(parse_stack(MINIMAL + "---\nfunctions: 7\n", "f").functions) == ["fn"]


def test_an_empty_version():
    """Counts as none."""
    assert parse_stack("version:\n" + MINIMAL, "f").version == ""


def test_variables_that_are_not_set_are_named(monkeypatch):
    """With file and line, where something that is needed is empty; a default is a value."""
    monkeypatch.setattr(variables, "_unset", {})
    expand(MINIMAL + "    image: ${NO_SUCH_IMAGE}\n    handler: ${NO_SUCH_FOLDER:-./fn}\n", "my.yml")
    assert variables.unset_hint() == "the variable `NO_SUCH_IMAGE` is not set (my.yml:6)"


@pytest.mark.parametrize(
    ("image", "expected"),
    [("fn", "ghcr.io/acme/fn"), ("fn:1", "ghcr.io/acme/fn:1"), ("me/fn:1", "me/fn:1"), ("h:5/fn", "h:5/fn")],
)
def test_an_image_without_an_owner_in_a_pipeline(monkeypatch, image, expected):
    """It is below the pipeline's prefix; others are where they say."""
    monkeypatch.setenv("FAAS_IMAGE_PREFIX", "ghcr.io/acme/")
    assert function(f"image: {image}").image == expected
