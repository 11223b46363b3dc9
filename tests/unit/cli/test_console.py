"""The console: tables on a terminal and in a pipe, quiet and verbose."""

import io
import os

from faas_cli.console import Console


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


HEADER = ("Function", "Image", "Replicas")
ROWS = [("a", "registry.example.com/acme/" + "image" * 20, 1), ("bb", "b", 12)]


def test_a_pipe_gets_every_cell_in_full():
    """Columns as wide as their cells, no white space at the end."""
    out = io.StringIO()
    Console(out).table(("A", "B"), [("x", "long value"), ("yyy", "")])
    assert out.getvalue() == "A    B\nx    long value\nyyy\n"


def test_a_table_fits_the_terminal(monkeypatch):
    """Only the widest column is cut."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 20)))
    out = Terminal()
    Console(out).table(HEADER, ROWS)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].startswith("a         registry.example.c")
    assert "…" in lines[1]
    assert lines[2].split() == ["bb", "b", "12"]


def test_the_layout_that_scripts_know_is_for_pipes_only():
    """Padded cells and tabs in a pipe; plain columns on a terminal."""
    piped, shown = io.StringIO(), Terminal()
    for out in (piped, shown):
        Console(out).table(("Function", "Replicas"), [("a", 1)], piped=(10, 3))
    assert piped.getvalue() == "Function  \tReplicas\na         \t1  \n"
    assert shown.getvalue() == "Function  Replicas\na         1\n"


def test_fields_leave_out_empty_values():
    """The values are in one column."""
    out = io.StringIO()
    Console(out).fields([("Call", "7d9c"), ("Reason", ""), ("Attempts", 3)])
    assert out.getvalue() == "Call:     7d9c\nAttempts: 3\n"


def test_quiet_and_verbose(monkeypatch):
    """Quiet hides notes and progress, never data, warnings and errors; traces are for verbose alone."""
    monkeypatch.delenv("FAAS_DEBUG", raising=False)
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, quiet=True)
    console.info("note")
    console.progress("step")
    console.trace("request")
    console.data("data")
    console.warning("w")
    assert (out.getvalue(), err.getvalue()) == ("data\n", "warning: w\n")
    console.verbose = True
    console.trace("request")
    assert err.getvalue().endswith("request\n")
