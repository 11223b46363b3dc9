"""Reading Dockerfiles: a table of what the format's reference describes, and properties of any text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faas_cli.images.dockerfile.parse import DockerfileError, exec_form, fill, parse


def read(text):
    return [(each.keyword, each.value, each.line) for each in parse(text).instructions]


@pytest.mark.parametrize(
    ("text", "instructions"),
    [
        ("FROM a", [("FROM", "a", 1)]),
        ("# note\n\nfrom a\n", [("FROM", "a", 3)]),
        ("FROM a\r\nRUN b\r\n", [("FROM", "a", 1), ("RUN", "b", 2)]),
        ("\ufeffFROM a", [("FROM", "a", 1)]),
        ("FROM a\nRUN b \\\n  c\nCMD d", [("FROM", "a", 1), ("RUN", "b   c", 2), ("CMD", "d", 4)]),
        ("FROM a\nRUN b && \\\n# why\n\n  c", [("FROM", "a", 1), ("RUN", "b &&   c", 2)]),
        ("FROM a\nRUN b \\   \n c", [("FROM", "a", 1), ("RUN", "b  c", 2)]),
        ("# escape=`\nFROM a\nRUN b `\n c\nRUN d\\", [("FROM", "a", 2), ("RUN", "b  c", 3), ("RUN", "d\\", 5)]),
        ("FROM\ta\nENV\tb=c", [("FROM", "a", 1), ("ENV", "b=c", 2)]),
        ("FROM a\n   RUN b", [("FROM", "a", 1), ("RUN", "b", 2)]),
        ("FROM a\nRUN b \\", [("FROM", "a", 1), ("RUN", "b", 2)]),
    ],
)
def test_lines(text, instructions):
    """Comments, continuations, line ends, the escape directive."""
    assert read(text) == instructions


def test_directives_end_with_the_first_other_line():
    """A later `# escape=` is a comment."""
    assert parse("# syntax=docker/dockerfile:1\n# escape=`\nFROM a").directives == {
        "syntax": "docker/dockerfile:1", "escape": "`",
    }  # fmt: skip
    assert parse("# hello\n# escape=`\nFROM a").escape == "\\"
    assert parse("FROM a\n# escape=`\n").escape == "\\"


def test_heredocs():
    """Their bodies are no instructions, and lines after them count on."""
    dockerfile = parse("FROM a\nRUN <<EOF\nFROM b\nCMD c\nEOF\nCOPY <<-'X' <<Y /t/\n\tone\n\tX\ntwo\nY\nCMD d\n")
    assert [(each.keyword, each.line, each.end, each.heredocs) for each in dockerfile.instructions] == [
        ("FROM", 1, 1, ()),
        ("RUN", 2, 5, ("FROM b\nCMD c",)),
        ("COPY", 6, 10, ("one", "two")),
        ("CMD", 11, 11, ()),
    ]


def test_flags_are_apart():
    """The value begins after them."""
    instruction = parse("FROM --platform=linux/amd64 a AS b\nCOPY --from=b --chown=1:1 /x /y").instructions[1]
    assert instruction.flags == (("from", "b"), ("chown", "1:1"))
    assert instruction.value == "/x /y"


def test_stages():
    """Names, bases and arguments that stand before the first FROM."""
    dockerfile = parse(
        "ARG V=3.1\nARG I=alpine:$V\nFROM ${I} AS Base\nRUN x\nFROM golang:${GO:-1.2} as build\nFROM base\n"
    )
    assert [(stage.image, stage.name, stage.line, stage.end) for stage in dockerfile.stages] == [
        ("alpine:3.1", "base", 3, 4),
        ("golang:1.2", "build", 5, 5),
        ("base", "", 6, 6),
    ]
    assert [stage.image for stage in dockerfile.chain()] == ["base", "alpine:3.1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('FROM a\nCMD ["x", "y z"]', ["x", "y z"]),
        ("FROM a\nCMD x y", ["/bin/sh", "-c", "x y"]),
        ('FROM a\nENTRYPOINT ["x"]\nCMD ["y"]', ["x", "y"]),
        ('FROM a\nENTRYPOINT ["x"]\nCMD y', ["x", "/bin/sh", "-c", "y"]),
        ('FROM a\nENTRYPOINT x\nCMD ["y"]', ["/bin/sh", "-c", "x"]),
        ('FROM a\nCMD ["y"]\nENTRYPOINT ["x"]', ["x", "y"]),
        ('FROM a\nCMD ["x"]\nCMD ["y"]', ["y"]),
        ('FROM a\nSHELL ["/bin/bash", "-ec"]\nCMD x', ["/bin/bash", "-ec", "x"]),
        ("FROM a\nCMD [x, y]", ["/bin/sh", "-c", "[x, y]"]),
        ("FROM a\nCMD ['x']", ["/bin/sh", "-c", "['x']"]),
        ('FROM a AS b\nCMD ["x"]\nFROM b', ["x"]),
        ('FROM a AS b\nCMD ["x"]\nFROM b\nENTRYPOINT ["y"]', ["y"]),
        ('FROM a AS b\nENTRYPOINT ["x"]\nFROM b\nCMD ["y"]', ["x", "y"]),
        ('FROM a AS b\nCMD ["x"]\nFROM c', []),
        ('FROM a\nENTRYPOINT []\nCMD ["x"]', ["x"]),
        ("FROM a\nRUN x", []),
    ],
)
def test_command(text, words):
    """ENTRYPOINT and CMD together, as the container would start."""
    assert parse(text).command() == words


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no `FROM`"),
        ("# only a note\n", 1, "no `FROM`"),
        ("RUN x\nFROM a", 1, "before the first `FROM`"),
        ("FROM a\nFROBNICATE x", 2, "`FROBNICATE` is not an instruction"),
        ("FROM a\n\nRUN", 3, "`RUN` has nothing after it"),
        ("FROM a as", 1, "`FROM` takes an image"),
        ("FROM a\nRUN <<EOF\necho", 2, "`EOF` does not end"),
        ("# escape=x\nFROM a", 1, "escape character"),
        ("FROM a\nRUN --mount=type=cache,target=/x", 2, "`RUN` has nothing after it"),
    ],
)
def test_refusals(text, line, message):
    """What is no Dockerfile, with its line."""
    with pytest.raises(DockerfileError, match=message) as caught:
        parse(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$A-${A}", "1-1"),
        ("${B:-x}${A:-x}", "x1"),
        ("${B:+x}${A:+x}", "x"),
        ("$B", ""),
    ],
)
def test_fill(text, filled):
    """Variables in FROM."""
    assert fill(text, {"A": "1"}) == filled


def test_exec_form():
    """Only a JSON list of texts is one."""
    assert exec_form('["a", "b"]') == ["a", "b"]
    assert exec_form("[]") == []
    for text in ("a", "[a]", "['a']", "[1]", '["a"', '{"a": 1}'):
        assert exec_form(text) is None


WORDS = st.sampled_from(
    [
        *("FROM a", "FROM a AS b", "RUN x \\", "  y", "# c", "", 'CMD ["a"]', "ENTRYPOINT z", "RUN <<E", "E"),
        *("USER 1", "COPY --from=b / /", "ENV a=b", "# escape=`", "`", "\\", "ARG V", "\t", "\x0c"),
    ]
)


@given(st.lists(WORDS, max_size=12).map("\n".join))
@example("FROM a\nRUN <<E <<E\nE\nE")
def test_every_text_is_read_or_refused_with_a_line_of_it(text):
    """Nothing else is raised; instructions lie in the text one after the other."""
    lines = text.count("\n") + 1
    try:
        dockerfile = parse(text)
    except DockerfileError as err:
        failed = err.line
    else:
        failed = 1
        ends = [0, *(each.end for each in dockerfile.instructions)]
        places = zip(ends, dockerfile.instructions, strict=False)
        assert all(before < each.line <= each.end <= lines for before, each in places)
        assert dockerfile.stages
        dockerfile.command()
    assert 1 <= failed <= lines


@given(st.text(max_size=200))
def test_any_text(text):
    """No text makes the parser fail in another way."""
    try:
        parse(f"FROM a\n{text}").command()
    except DockerfileError:
        pass


@given(
    st.lists(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8), min_size=1, max_size=4
    )
)
def test_exec_words_come_back(words):
    """Whatever the words hold."""
    import json

    assert parse(f"FROM a\nENTRYPOINT {json.dumps(words)}").command() == words


@pytest.mark.parametrize(
    "line",
    [
        "RUN echo $((1<<2))",
        "RUN echo $((1 << 2))",
        "RUN cat <<< EOF",
        "RUN cat <<<EOF",
        'RUN echo "<<EOF"',
        "RUN echo '<<EOF'",
        "RUN cat<<EOF",
        'RUN ["cat", "<<EOF"]',
        "ENV x=<<EOF",
        "ONBUILD ENV x <<EOF",
    ],
)
def test_no_heredoc(line):
    """BuildKit recognises only whole words outside of quotes, after RUN, COPY and ADD."""
    dockerfile = parse(f"FROM a\n{line}\nCMD x\n")
    assert [each.heredocs for each in dockerfile.instructions] == [(), (), ()]


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("RUN cat <<1", "1"),
        ("RUN cat 3<<EOF", "EOF"),
        ('RUN cat <<"E F"', "E F"),
        ("RUN cat <<'E'\"F\"", "EF"),
        ("RUN cat <<E\\ F", "E F"),
        ("ONBUILD RUN cat <<EOF", "EOF"),
        ("onbuild copy <<EOF /x", "EOF"),
    ],
)
def test_heredoc_words(line, end):
    """The last line is the word without quotes and escapes."""
    dockerfile = parse(f"FROM a\n{line}\ntext\n{end}\nCMD x\n")
    assert [each.heredocs for each in dockerfile.instructions] == [(), ("text",), ()]
