"""What a person sees of several builds at a time."""

import io
import re

import pytest

from faas_cli.console import Console
from faas_cli.errors import BuildError
from faas_cli.images.model import BuildOptions, BuildOutcome, BuildResult
from faas_cli.images.report import ConsoleReporter
from faas_cli.stack.model import Function

FUNCTIONS = [Function(name=name, lang="go", handler=f"./{name}", image=f"{name}:latest") for name in ("one", "two")]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Standard error on a terminal that understands cursor movements."""
    for name in ("CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def show(out, err):
    """Two functions at once; the second fails."""
    error = BuildError("`two` does not compile", detail="compiler: line 1\ncompiler: line 2")
    with ConsoleReporter(Console(out, err), FUNCTIONS, BuildOptions(parallel=2)) as report:
        for worker, function in enumerate(FUNCTIONS):
            report.started(worker, function.name)
        report.step("one", "step 1/3: FROM a")
        report.step("two", "step [2/3] RUN b")
        report.line("two", "compiler: line 1")
        # Drawn now rather than at the next of its ten times a second.
        if report._status is not None:
            report._status._live.refresh()
        results = [
            BuildResult("one", "one:latest", 1.0, BuildOutcome("sha256:1")),
            BuildResult("two", "two:latest", 2.0, error=error),
        ]
        for worker, result in enumerate(results):
            report.finished(worker, result)
    report.summary(results)


def test_a_live_line_for_each_function(terminal):
    """And of the one that fails, all its output at the end, once."""
    show(io.StringIO(), terminal)
    seen = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", terminal.getvalue())
    assert re.search(r"one: step 1/3: FROM a *\n  two: step \[2/3\] RUN b", seen)
    assert seen.count("compiler: line 1") == 1
    assert seen.index("compiler: line 1") > seen.index("two: step")
    assert "faas: `two` does not compile" in seen


def test_a_pipe_gets_lines_with_their_functions_name():
    """Nothing is redrawn."""
    out, err = io.StringIO(), io.StringIO()
    show(out, err)
    assert "two | compiler: line 1\n" in err.getvalue()
    assert "\x1b" not in out.getvalue() + err.getvalue()
    assert "[0] < Building one done in 1.00s." in out.getvalue()
