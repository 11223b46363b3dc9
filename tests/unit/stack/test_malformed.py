"""Invalid stack files: each error has file, line, column, reason and a hint."""

import pytest

from faas_cli.errors import StackError
from faas_cli.stack.check import warnings_in
from faas_cli.stack.limits import MAX_BYTES
from faas_cli.stack.loader import expand, parse_stack

P = "provider:\n  name: openfaas\n"
F = f"{P}functions:\n  f:\n"

# What is written, the line and column it is told at, and words of the sentence.
MALFORMED = {
    # Not YAML.
    "tab indentation": (f"{P}functions:\n\tf: {{}}\n", "4:1", "cannot start any token"),
    "tab below a key": (f"{F}\t  lang: go\n", "5:1", "not YAML"),
    "bracket left open": (f"{F}    secrets: [a\n", "6:1", "expected ',' or ']'"),
    "brace left open": (f"{F}    labels: {{a: b\n", "6:1", "expected ',' or '}'"),
    "bracket closed twice": (f"{F}    secrets: [a]]\n", "5:17", "not YAML"),
    "quote left open": (f'{F}    image: "a\n', "6:1", "unexpected end of stream"),
    "single quote left open": (f"{F}    image: 'a\n", "6:1", "unexpected end of stream"),
    "text after a quoted text": (f'{F}    image: "a" b\n', "5:16", "not YAML"),
    "colon in a plain text": (f"{F}    image: a: b\n", "5:13", "mapping values"),
    "key indented too far": (f"{F}    lang: go\n      image: a\n", "6:12", "mapping values"),
    "key not indented enough": (f"{F}    lang: go\n   image: a\n", "6:4", "expected key"),
    "key between two levels": (f"{F}      lang: go\n    image: a\n", "6:5", "expected key"),
    "item not indented as its list": (f"{F}    secrets:\n      - a\n     - b\n", "7:6", "not YAML"),
    "list item amid keys": (f"{F}    lang: go\n    - a\n", "6:5", "not YAML"),
    "no space after the colon": (f"{F}    lang:go\n    image: a\n", "6:10", "mapping values"),
    "no colon": (f"{F}    lang: go\n    image\n", "7:1", "could not find expected ':'"),
    "percent at the beginning": ("%provider\n", "1:10", "not YAML"),
    "at sign": (f"{F}    image: @a\n", "5:12", "cannot start any token"),
    "back quote": (f"{F}    image: `a`\n", "5:12", "cannot start any token"),
    "unknown escape": (f'{F}    image: "\\q"\n', "5:13", "unknown escape character"),
    "alias nobody defined": (f"{F}    image: *a\n", "5:12", "undefined alias"),
    "alias without a name": (f"{F}    image: *\n", "5:13", "not YAML"),
    "anchor twice at one value": (f"{F}    image: &a &b c\n", "5:15", "not YAML"),
    "undefined tag handle": (f"{F}    image: !x!y z\n", "5:12", "undefined tag handle"),
    "control character": (f"{F}    image: a\x01\n", "5", "control characters"),
    "zero byte": ("\x00", "1", "control characters"),
    # Too much of it.
    "nested lists": (f"{P}x: {'[' * 100}{']' * 100}\n", "3:52", "levels deep"),
    "nested lists without end": ("[" * 100_000, "1:50", "levels deep"),
    "nested items without end": ("- " * 10_000 + "a\n", "1:99", "levels deep"),
    "nested maps without end": ("{a: " * 10_000, "1:197", "levels deep"),
    "alias bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcde", "bcdef", strict=True)),
        "5:35", "more than 100000 values",
    ),
    "merge bomb": (
        "a: &a {x: 1}\n"
        + "".join(f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 10)}]}}\n" for a, b in zip("abcde", "bcdef", strict=True)),
        "6:22", "more than 100000 values",
    ),
    "map merged into itself": (f"{F}    labels: &l\n      <<: *l\n", "6:11", "refers to a value that contains it"),
    "list in itself": (f"{F}    x: &x [*x]\n", "5:12", "refers to a value that contains it"),
    "functions in themselves": (f"{P}functions: &f\n  f: *f\n", "4:6", "refers to a value that contains it"),
    "more than a mebibyte": (P + "#" * MAX_BYTES, "1", "the limit is 1 MiB"),
    # Not a stack.
    "empty file": ("", "1:1", "the stack file is empty"),
    "comments only": ("# nothing\n", "1:1", "the stack file is empty"),
    "a text": ("hello\n", "1:1", "must be a map of keys and values, and is a text"),
    "a list": ("- a\n", "1:1", "must be a map of keys and values, and is a list"),
    "no provider": ("functions: {}\n", "1:1", "`provider` is missing"),
    "empty provider": ("provider:\n", "1:1", "`provider` is missing"),
    "provider is a text": ("provider: openfaas\n", "1:11", "`provider` must be a map"),
    "provider without a name": ("provider:\n  gateway: http://a\n", "2:3", "`provider` needs the key `name`"),
    "unknown provider": ("provider:\n  name: docker\n", "2:9", "must be `openfaas`, and is `docker`"),
    "gateway is a list": (f"{P}  gateway: [a]\n", "3:12", "`provider.gateway` must be a text"),
    "unknown version": (f"version: 1.1\n{P}", "1:10", "`version` must be `1.0`, and is `1.1`"),
    "version is a map": (f"version: {{}}\n{P}", "1:10", "`version` must be a text"),
    "provider twice": (f"{P}{P}", "3:1", "`provider` occurs twice, in lines 1 and 3"),
    "functions is a list": (f"{P}functions:\n  - f\n", "4:3", "`functions` must be a map"),
    "functions is a text": (f"{P}functions: f\n", "3:12", "`functions` must be a map"),
    "function is a text": (f"{P}functions:\n  f: go\n", "4:6", "`functions.f` must be a map"),
    "function is a list": (f"{P}functions:\n  f:\n    - lang: go\n", "5:5", "`functions.f` must be a map"),
    "function twice": (f"{F}    lang: go\n  f: {{}}\n", "6:3", "occurs twice, in lines 4 and 6"),
    "key twice": (f"{F}    lang: go\n    lang: node\n", "6:5", "occurs twice, in lines 5 and 6"),
    "a key that is a map": (f"{P}functions:\n  {{a: b}}: {{}}\n", "4:3", "a key of `functions` must be a text"),
    "a key that is a list": (f"{P}functions:\n  ? [a, b]\n  : {{}}\n", "4:5", "a key of `functions` must be a text"),
    "a key that is nothing": (f"{P}functions:\n  ~: {{}}\n", "4:3", "a key of `functions` must be a text"),
    "image is a map": (f"{F}    image: {{a: b}}\n", "5:12", "`functions.f.image` must be a text, and is a map"),
    "labels are a list": (f"{F}    labels: [a]\n", "5:13", "`functions.f.labels` must be a map"),
    "a label is a list": (f"{F}    labels:\n      a: [b]\n", "6:10", "`functions.f.labels.a` must be a text"),
    "secrets are a text": (f"{F}    secrets: a\n", "5:14", "`functions.f.secrets` must be a list"),
    "secrets are a map": (f"{F}    secrets:\n      a: b\n", "6:7", "`functions.f.secrets` must be a list"),
    "a secret is a map": (f"{F}    secrets:\n      - a: b\n", "6:9", "`functions.f.secrets[0]` must be a text"),
    "environment is a list": (f"{F}    environment:\n      - A=b\n", "6:7", "`functions.f.environment` must be a map"),
    "environment file is a text": (f"{F}    environment_file: a\n", "5:23", "must be a list, and is a text"),
    "skip_build is a word": (f"{F}    skip_build: maybe\n", "5:17", "must be `true` or `false`, and is `maybe`"),
    "concurrency has a unit": (f"{F}    concurrency: 5 calls\n", "5:18", "must be a whole number, and is `5 calls`"),
    "limits are a text": (f"{F}    limits: 1Gi\n", "5:13", "`functions.f.limits` must be a map"),
    "a limit is a map": (f"{F}    limits:\n      cpu: {{}}\n", "6:12", "`functions.f.limits.cpu` must be a text"),
    "a list merged in": (f"{F}    <<: [a]\n", "5:10", "`functions.f` must be a map"),
    "configuration is a list": (f"{P}configuration: []\n", "3:16", "`configuration` must be a map"),
    "template without a name": (f"{P}configuration:\n  templates:\n    - source: a\n", "5:7", "needs a `name`"),
    "copy is a text": (f"{P}configuration:\n  copy: a\n", "4:9", "`configuration.copy` must be a list"),
    # Variables.
    "expression left open": (f"{F}    image: ${{A\n", "5:12", "`${A` is not closed"),
    "expression without a name": (f"{F}    image: ${{}}\n", "5:12", "without the name of a variable"),
    "expression in a comment": ("# ${\n", "1:3", "without the name of a variable"),
    "unknown operator": (f"{F}    image: ${{A-b}}\n", "5:12", "an unknown form"),
    "substring of words": (f"{F}    image: ${{A:b}}\n", "5:16", "in whole numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "words"), MALFORMED.values(), ids=MALFORMED)
def test_a_mistake_is_told_with_its_place_and_what_to_do(text, place, words):
    """Where: `my.yml:LINE:COLUMN: `."""
    with pytest.raises(StackError) as caught:
        parse_stack(expand(text, "my.yml"), "my.yml")
    assert caught.value.message.startswith(f"my.yml:{place}: ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (f"{F}    enviroment:\n      A: b\n", "my.yml:5: `functions.f.enviroment` is an unknown key"
         "; did you mean `environment`?"),
        (f"{F}    xyz: 1\n", "my.yml:5: `functions.f.xyz` is an unknown key"),
        (f"{P}  gatway: a\n", "my.yml:3: `provider.gatway` is an unknown key; did you mean `gateway`?"),
        (f"{P}function: {{}}\n", "my.yml:3: `function` is an unknown key; did you mean `functions`?"),
        (f"{P}configuration:\n  copies: []\n", "my.yml:4: `configuration.copies` is an unknown key"
         "; did you mean `copy`?"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_remarked_with_the_nearest(text, remark):
    """It is no failure: other tools may read it."""
    parse_stack(text, "my.yml")
    assert warnings_in(text, "my.yml") == [remark]


def test_a_large_stack_is_read():
    """A thousand functions are far from the limits."""
    functions = "".join(f"  f{n}:\n    lang: go\n    image: f{n}\n    labels: {{a: b}}\n" for n in range(1000))
    assert len(parse_stack(f"{P}functions:\n{functions}", "my.yml").functions) == 1000
