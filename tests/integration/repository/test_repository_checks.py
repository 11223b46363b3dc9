"""The checks of the repository see all of it: no tracked file is hidden from the linter, no dependency is unpinned."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked(pattern):
    """The tracked files of this kind."""
    done = subprocess.run(["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail("the list of tracked files takes git and a clone")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


def names(requirements):
    """The normalized names of these requirements."""
    return {re.match(r"[\w.-]+", each)[0].lower().replace("_", "-").replace(".", "-") for each in requirements}


def pinned(name):
    """The names that a file of requirements/ pins."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return names(line for line in lines if "==" in line)


def test_ruff_reads_every_python_file():
    """A folder called `build` is left out by most tools unless told otherwise."""
    command = [sys.executable, "-m", "ruff", "check", "--show-files", "."]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    assert tracked("*.py") - {str(Path(line).relative_to(ROOT)) for line in shown if line} == set()


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("package", PROJECT["project"]["dependencies"]),
        ("package", PROJECT["dependency-groups"]["build"]),
        ("package", PROJECT["build-system"]["requires"]),
        ("dev", PROJECT["dependency-groups"]["dev"]),
        ("parts", PROJECT["dependency-groups"]["parts"]),
        ("go", PROJECT["project"]["optional-dependencies"]["go"]),
        ("node", PROJECT["project"]["optional-dependencies"]["node"]),
    ],
)
def test_every_dependency_is_pinned(file, requirements):
    """`make pin` has run since pyproject.toml last changed."""
    assert names(requirements) - pinned(file) == set(), "run `make pin`"


def test_pins_name_no_index_and_have_hashes():
    """They can be installed from any mirror, and from nothing that was changed since."""
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--index" not in text
        for entry in re.split(r"\n(?=[a-z])", text):
            assert entry.startswith("#") or "--hash=sha256:" in entry, f"{path.name}: {entry}"


def test_files_that_share_a_package_pin_one_version():
    """They are installed together."""
    versions = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in re.findall(r"^([a-z][\w.-]*)==(\S+)", path.read_text(), re.M):
            assert versions.setdefault(name, version) == version, f"{path.name}: {name}"


def test_the_changelog_can_be_written():
    """Each fragment in changes/ has a kind, and is in the section."""
    command = [sys.executable, str(ROOT / "scripts/release.py"), "changelog"]
    section = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for path in (ROOT / "changes").glob("*-*.md"):
        assert path.read_text().splitlines()[0] in section


def test_every_decision_is_listed():
    """In the order of their numbers, which have no gap."""
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert re.findall(r"\]\((\S+\.md)\)", (folder / "README.md").read_text()) == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))


def test_make_test_runs_every_suite():
    """A folder of tests that scripts/test.sh does not name would be run by nobody."""
    script = (ROOT / "scripts" / "test.sh").read_text()
    run = set(re.findall(r"tests/[\w/]+", script))
    tests = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    assert not {str(each) for each in tests if not run & {str(each), *map(str, each.parents)}}
