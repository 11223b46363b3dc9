"""`COPY . .` in a user's Dockerfile does not copy our own folder."""

import pytest

from faas_cli.images.dockerfile.inject import inject
from faas_cli.images.dockerfile.parse import parse
from faas_cli.images.dockerfile.sources import without_support

TOP = {".env": False, "a b": False, "app": True, "b$.txt": False, "s[1]": True, "x.tar": False}


def replaced(line):
    """The lines in place of one."""
    lines = ["FROM scratch", line, "USER 1"]
    first, *found, last = without_support(lines, parse("\n".join(lines)), TOP)
    assert (first, last) == ("FROM scratch", "USER 1")
    return found


ALL = r'[".env", "a b", "b\\$.txt", "x.tar", "%s"]'
FOLDERS = ["COPY app/ %sapp/", "COPY s[[]1]/ %ss[1]/"]


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("COPY . .", "./"),
        ("COPY ./ /app", "/app/"),
        ("copy / /", "/"),
        ('COPY [".", "/app"]', "/app/"),
        ("ADD . $HOME/", "$HOME/"),
    ],
)
def test_the_whole_context(line, target):
    """Files in one instruction, then each folder with its content; COPY, since ADD would unpack an archive."""
    assert replaced(line) == [f"COPY {ALL % target}", *(each % target for each in FOLDERS)]


def test_flags_and_other_sources_are_kept():
    """In their order."""
    assert replaced("COPY --chown=1:1 --link app . /to/") == [
        "COPY --chown=1:1 --link app /to/",
        f"COPY --chown=1:1 --link {ALL % '/to/'}",
        *(each.replace("COPY", "COPY --chown=1:1 --link") % "/to/" for each in FOLDERS),
    ]
    assert replaced("ADD --keep-git-dir=true . /to/")[0] == f"COPY {ALL % '/to/'}"


def test_patterns_that_match_our_folder():
    """They name what else they match."""
    assert replaced("COPY .* /to/") == ["COPY .env /to/"]
    assert replaced("ADD *[^v] /to/") == [r'ADD ["a b", "app", "b\\$.txt", "s[[]1]", "x.tar", "/to/"]']


@pytest.mark.parametrize(
    "line",
    [
        "COPY app /app", "COPY *.txt /app/", "COPY --from=0 . /app", "COPY --parents . /app", "COPY $DIR /app",
        "COPY ./app/ .", "RUN cp -r . /app", "ADD https://example.com/. /x",
    ],
)  # fmt: skip
def test_others_stay(line):
    """What does not reach our folder, or is not from the context."""
    assert replaced(line) == [line]


def test_names_that_are_no_text():
    """A file is matched; a folder cannot be named as a target, so the instruction stays."""
    lines = ["FROM scratch", "COPY . /to"]
    parsed = parse("\n".join(lines))
    assert without_support(lines, parsed, {"caf\udce9": False})[1:] == ["COPY caf? /to/"]
    assert without_support(lines, parsed, {"caf\udce9": True}) == lines


def test_an_injected_dockerfile():
    """The user's instruction is replaced, and the line of ours that copies the watchdog is not."""
    text = inject("FROM scratch AS a\nCOPY . /src\nFROM a\nCOPY \\\n  . /app\nCMD x\n", top={"x": False}).text
    assert "COPY x /src/\n" in text
    assert "COPY x /app/\n" in text
    assert "COPY .faas/fwatchdog-${TARGETARCH} /usr/bin/fwatchdog\n" in text
    assert "COPY . " not in text
