"""What tests of every kind share."""

import os
import shutil
import signal
from collections import Counter

import hypothesis
import pytest

from tests import groups

# Who starts the tests in the background has them ignore Ctrl-C; the commands they test must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same inputs every time, unless `make fuzz` gives a seed.
hypothesis.settings.register_profile("fixed", derandomize=True, database=None)
hypothesis.settings.register_profile("search", database=None, deadline=None)
hypothesis.settings.load_profile("search" if os.environ.get("FAAS_FUZZ_SEED") else "fixed")

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
def engine_client():
    """A client of the engine that the environment names."""
    import docker

    try:
        found = docker.from_env()
        found.ping()
    except docker.errors.DockerException as err:
        missing(f"a container engine ({str(err).rpartition(': ')[2]})", "systemctl start docker")
    if shutil.which("docker") is None:
        missing("the `docker` command", "apt-get install docker.io")
    yield found
    found.close()


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a folder once for all processes that run this suite: `once("venv", make)` calls `make(folder)` in one."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def get(name, make):
        folder, done = root / name, root / f"{name}.done"
        from faas_runtime.core.files import locked

        with locked(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def tool():
    """Path of a command the test needs: `tool("skopeo")`."""

    def find(name: str) -> str:
        from faas_runtime.core.paths import search_path

        path = shutil.which(name, path=search_path())
        if path is None:
            missing(f"`{name}`", f"apt-get install {PACKAGES.get(name, name)}")
        return str(path)

    return find


def _refuse_skip(report):
    """Where every part has been started, a skipped test is one nobody has run."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome, report.longrepr = "failed", f"in CI nothing is skipped: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """A test that is skipped fails in CI."""
    outcome = yield
    _refuse_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    """A file that is skipped as a whole fails in CI."""
    outcome = yield
    _refuse_skip(outcome.get_result())


def pytest_xdist_make_scheduler(config, log):
    """Several processes (`-n 3 --dist loadgroup`) share the tests by the groups of tests/groups.py."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = groups.group_of
    return scheduler


def pytest_collection_modifyitems(config, items):
    """Sort the tests for `--dist loadgroup`."""
    if getattr(config.option, "loadgroup", False):
        groups.arrange(items)


_seconds: Counter[str] = Counter()


def pytest_runtest_logreport(report):
    """Add up what each suite takes."""
    _seconds[groups.suite_of(report.nodeid)] += report.duration


def pytest_terminal_summary(terminalreporter):
    """Print the seconds of each suite, where one run has several."""
    if len(_seconds) > 1:
        terminalreporter.section("seconds by suite")
        for suite, seconds in _seconds.most_common():
            terminalreporter.line(f"{seconds:6.0f} s  {suite}")


def pytest_addoption(parser):
    """Conformance suites can be pointed at other programs."""
    parser.addoption("--cli", default="", help="path of another command line to test")
