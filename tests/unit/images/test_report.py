"""What a person sees of several builds at a time."""

import io
import re
import threading

import pytest

from faas_cli.console import Console
from faas_cli.errors import BuildError
from faas_cli.images.model import BuildOptions, BuildOutcome, BuildResult
from faas_cli.images.report import ConsoleReporter, is_noise
from faas_cli.output.live import LiveLines
from faas_cli.stack.model import Function
from tests.terminal import Terminal, screen

FUNCTIONS = [Function(name=name, lang="go", handler=f"./{name}", image=f"{name}:latest") for name in ("one", "two")]


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
        results = [
            BuildResult("one", "one:latest", 1.0, BuildOutcome("sha256:1")),
            BuildResult("two", "two:latest", 2.0, error=error),
        ]
        for worker, result in enumerate(results):
            report.finished(worker, result)
    report.summary(results)


def test_output_of_a_failed_tool_once():
    """In a pipe its lines were printed as they came; what was not is printed with the error."""
    for text, count in (("compiler: line 1", 1), ("compiler: line 1\ncompiler: line 2", 2)):
        out, err = io.StringIO(), io.StringIO()
        with ConsoleReporter(Console(out, err), FUNCTIONS[:1], BuildOptions()) as report:
            report.line("one", "compiler: line 1")
        report.summary([BuildResult("one", "one:latest", 1.0, error=BuildError("`one` fails", detail=text))])
        assert err.getvalue().count("compiler: line 1") == count


def test_a_live_line_for_each_function(terminal):
    """And of the one that fails, all its output at the end, once."""
    show(io.StringIO(), terminal)
    seen = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", terminal.getvalue())
    assert re.search(r"one: step 1/3: FROM a *\r?\n *two: step \[2/3\] RUN b", seen)
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


def test_no_line_is_lost_between_the_redrawn_ones(terminal):
    """Three builds at a time, 20 times: every line that was printed stays on the screen, and nothing else."""
    names = ["one", "two", "three", "four", "five"]
    functions = [Function(name=name, lang="go", handler=f"./{name}", image=f"{name}:latest") for name in names]
    for _ in range(20):
        terminal.truncate(0)
        terminal.seek(0)
        waiting = iter(names)  # each name goes to one thread: `next` of a list's iterator is one step

        def work(worker, report, waiting=waiting):
            for name in waiting:
                report.started(worker, name)
                for step in range(3):
                    report.step(name, f"step {step}")
                report.finished(worker, BuildResult(name, f"{name}:latest", 1.0, BuildOutcome("sha256:1")))

        with ConsoleReporter(Console(terminal, terminal), functions, BuildOptions(parallel=3)) as report:
            workers = [threading.Thread(target=work, args=(worker, report)) for worker in range(3)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        seen = sorted(re.sub(r"^\[\d\]", "[]", line) for line in screen(terminal.getvalue()) if line)
        assert seen == sorted(
            line
            for name in names
            for line in (
                f"[] > Building {name}.",
                f"Building: {name}:latest with go template. Please wait..",
                f"Image: {name}:latest built.",
                f"[] < Building {name} done in 1.00s.",
            )
        )


def test_a_transfer_has_a_bar(terminal):
    """Bytes and percent; a line is never wider than the terminal."""
    with LiveLines(Console(terminal, terminal)) as live:
        live.show("a", "fn: downloading the base image", 4_500_000, 9_000_000)
        live.show("b", "long " * 40)
        first, second = screen(terminal.getvalue())
    assert re.fullmatch(r"fn: downloading the base image ━{9,10}[╸╺]?━{9,10} 4\.5 MB/9\.0 MB  50%", first)
    assert len(second) <= 80
    assert second.endswith("…")
    assert not any(screen(terminal.getvalue()))


@pytest.mark.parametrize(
    "line",
    [
        "npm notice New major version of npm available!", "npm warn deprecated glob@7: old", "up to date in 1s",
        "added 12 packages in 3s", "3 packages are looking for funding", "TAP version 13", "# Subtest: it answers",
        "ok 1 - it answers", "  ---", "  duration_ms: 1.29", "1..1", "# tests 1", "Ran 1 test in 0.000s", "OK", "",
    ],
)  # fmt: skip
def test_noise_of_tools(line):
    """Lines that say only that all is well."""
    assert is_noise(line)


@pytest.mark.parametrize(
    "line",
    ["npm warn ERESOLVE overriding peer dependency", "npm error code E404", "not ok 1 - it answers", "# mine", "okay"],
)
def test_what_is_not_noise(line):
    """Warnings, failures and what the function's own tests print."""
    assert not is_noise(line)
