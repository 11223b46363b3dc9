"""The watchdog binary under test, and a way to start it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import SOURCE, Watchdog, eventually, settings_of_function

Start = Callable[..., Watchdog]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--watchdog", help="watchdog binary to test instead of the one built from the sources")


@pytest.fixture(scope="session")
def binary(
    request: pytest.FixtureRequest, once: Callable[[str, Callable[[Path], None]], Path], tool: Callable[[str], str]
) -> Path:
    """The binary under test: the one named by --watchdog or FAAS_WATCHDOG, else a fresh build."""
    given = request.config.getoption("--watchdog", default=None) or os.environ.get("FAAS_WATCHDOG")
    if given:
        return Path(given).resolve()
    return once("watchdog", lambda folder: build(tool("go"), folder / "fwatchdog")) / "fwatchdog"


def build(go: str, target: Path) -> None:
    """Compile the watchdog, with counters where coverage is measured."""
    measured = "GOCOVERDIR" in os.environ
    subprocess.run(
        [
            go,
            "build",
            "-trimpath",
            *(("-cover", "-covermode=atomic", "-coverpkg=./...") if measured else ()),
            *("-tags", "nethttpomithttp2,coverage" if measured else "nethttpomithttp2"),
            *("-ldflags", "-s -w -X main.version=1.2.3"),
            "-o",
            target,
            ".",
        ],
        cwd=SOURCE,
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        check=True,
    )


@pytest.fixture
def launch(binary: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a watchdog with the given variables, without waiting for it."""
    started: list[Watchdog] = []

    def launch(fprocess: str = "", **env: str) -> Watchdog:
        folder = tmp_path / f"watchdog-{len(started)}"
        folder.mkdir()
        watchdog = Watchdog([binary], folder, {"fprocess": fprocess} | env if fprocess else env)
        started.append(watchdog)
        return watchdog

    yield launch
    for watchdog in started:
        watchdog.close()


@pytest.fixture
def start(launch: Start) -> Start:
    """Start a watchdog with the given variables and wait until it listens."""
    return lambda fprocess="", **env: launch(fprocess, **env).wait_until_up()


@pytest.fixture
def launch_function(launch: Start) -> Start:
    """Start the watchdog with the test function behind it."""

    def launch_function(*options: str, base: str = "", **env: str) -> Watchdog:
        return launch(**settings_of_function(*options, base=base) | env)

    return launch_function


@pytest.fixture(scope="module")
def shared_function(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchdog]:
    """One watchdog with the test function for all tests of a module that leave it as it was."""
    watchdog = Watchdog([binary], tmp_path_factory.mktemp("shared"), settings_of_function())
    try:
        watchdog.wait_until_up()
        eventually("the function is ready", lambda: watchdog.get("/_/ready").status == 200)
        yield watchdog
    finally:
        watchdog.close()


@pytest.fixture
def function(launch_function: Start) -> Start:
    """The same, and wait until the function answers."""

    def function(*options: str, **env: str) -> Watchdog:
        watchdog = launch_function(*options, **env).wait_until_up()
        eventually("the function is ready", lambda: watchdog.get("/_/ready").status == 200)
        return watchdog

    return function


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Write a shell script; returns the command that runs it, for `fprocess`."""

    def script(text: str) -> str:
        path = tmp_path / f"script-{len(list(tmp_path.iterdir()))}.sh"
        path.write_text(text)
        return f"sh {path}"

    return script
