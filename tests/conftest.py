"""What tests of every kind share."""

import os
import shutil

import pytest

# Debian packages of the tools tests use.
PACKAGES = {"wrk": "wrk", "skopeo": "skopeo", "umoci": "umoci", "go": "golang", "node": "nodejs"}


def missing(what: str, command: str) -> None:
    """A part a test needs is not there: in CI the test fails, elsewhere it is skipped and says what gets it."""
    text = f"{what} is missing; `{command}` gets it"
    if os.environ.get("CI"):
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture(scope="session", name="missing")
def missing_fixture():
    """What to call when a part is not there: `missing("a browser", "apt-get install chromium")`."""
    return missing


@pytest.fixture(scope="session")
def tool():
    """Path of a command the test needs: `tool("skopeo")`."""

    def find(name: str) -> str:
        from faas_runtime.toolpaths import search_path

        path = shutil.which(name, path=search_path())
        if path is None:
            missing(f"`{name}`", f"apt-get install {PACKAGES.get(name, name)}")
        return path

    return find


def pytest_addoption(parser):
    """Conformance suites can be pointed at other programs."""
    parser.addoption("--cli", default="", help="path of another command line to test")
