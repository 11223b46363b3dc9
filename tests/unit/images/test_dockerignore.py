"""`.dockerignore` means what it means for Docker."""

import pytest

from faas_cli.images.dockerignore import Ignore, PatternError

FILES = ("a", "a.md", "d/a", "d/a.md", "d/e/a", "d/e/b.txt", "x/a", "[s]", "sp ace", ".git/c", "README.md", "é")
# What is left out for each text, as github.com/moby/patternmatcher 0.6.0 answers.
CASES = {
    "a": "a",
    "/a": "a",
    "./a": "a",
    "a/": "a",
    "d/../a": "a",
    "//a": "a",
    "  a  ": "a",
    "#a\n": "",
    " #a": "",
    "\ufeffa": "a",
    "a\r\n": "a",
    "*.md": "a.md; README.md",
    "*/*.md": "d/a.md",
    "**/*.md": "a.md; d/a.md; README.md",
    "d": "d/a; d/a.md; d/e/a; d/e/b.txt",
    "d/*": "d/a; d/a.md; d/e/a; d/e/b.txt",
    "d/**": "d/a; d/a.md; d/e/a; d/e/b.txt",
    "d**": "d/a; d/a.md; d/e/a; d/e/b.txt",
    "**/a": "a; d/a; d/e/a; x/a",
    "**a": "a; d/a; d/e/a; x/a",
    "d/**/a": "d/a; d/e/a",
    "**/e/**": "d/e/a; d/e/b.txt",
    "?": "a; d/a; d/a.md; d/e/a; d/e/b.txt; x/a; é",
    "?/a": "d/a; x/a",
    "[a-d]": "a; d/a; d/a.md; d/e/a; d/e/b.txt",
    "[^a-d]": "x/a; é",
    "[!a]": "a",
    r"\[s\]": "[s]",
    "[[]s]": "[s]",
    r"sp\ ace": "sp ace",
    "sp ace": "sp ace",
    "*\n!a": "a.md; d/a; d/a.md; d/e/a; d/e/b.txt; x/a; [s]; .git/c; README.md; é; sp ace",
    "*\n!d/e": "a; a.md; d/a; d/a.md; x/a; [s]; .git/c; README.md; é; sp ace",
    "*\n!**/*.txt": "a; a.md; d/a; d/a.md; d/e/a; x/a; [s]; .git/c; README.md; é; sp ace",
    "d\n!d/a*\nd/a.md": "d/a.md; d/e/a; d/e/b.txt",
    "!a\na": "a",
    "a\n! a": "",
    "**/.git": ".git/c",
    ".": "",
    "/": "",
    "..": "",
    "*.md\n!README*": "a.md",
    "D": "",
    "a.m": "",
    "a|d": "",
    "(a)": "",
    "a$": "",
    "**": "a; a.md; d/a; d/a.md; d/e/a; d/e/b.txt; x/a; [s]; sp ace; .git/c; README.md; é",
}


@pytest.mark.parametrize("text", CASES)
def test_patterns(text):
    """Names, folders, exceptions; what looks like a pattern of git or of a regular expression is none."""
    ignore = Ignore(text)
    assert {name for name in FILES if ignore.excludes(name)} == set(filter(None, CASES[text].split("; ")))


@pytest.mark.parametrize("text", ["!", "! ", "[a", "a[]", "[]a]", "a\\", "[a-]", "[-a]", "[a\\"])
def test_patterns_that_are_invalid(text):
    """Docker refuses them."""
    with pytest.raises(PatternError):
        Ignore(f"x\n{text}\n")
