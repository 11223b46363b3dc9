"""The Python template leaves quickly, and loses nothing that the interpreter's own end would have done."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "python" / "index.py"
Call = Callable[[str], tuple[int, str]]


@pytest.fixture
def function(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    (folder / "function").mkdir(parents=True)
    shutil.copy(TEMPLATE, folder)
    return folder


@pytest.fixture(params=["0", "2"], ids=["cold", "warm"])
def call(request: pytest.FixtureRequest, start, function: Path) -> Call:
    """Write a handler, start its watchdog, call it once."""

    def call(source: str) -> tuple[int, str]:
        (function / "function" / "handler.py").write_text(source)
        watchdog = start(f"{sys.executable} {function / 'index.py'}", cgi_headers="false", warm=request.param)
        answer = watchdog.call(body="hello")
        return answer.status, answer.text

    return call


@pytest.mark.parametrize(
    ("value", "expected"), [("req.upper()", "HELLO"), ("b'bytes'", "bytes"), ("None", ""), ("7", "7"), ("'é'", "é")]
)
def test_answer_is_written(call: Call, value: str, expected: str):
    assert call(f"def handle(req):\n    return {value}\n") == (200, expected)


def test_large_answer_is_whole(call: Call):
    assert call("def handle(req):\n    return 'x' * 3_000_000\n") == (200, "x" * 3_000_000)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def handle(req):\n    return req * 2\n", "hellohello"),
        ("def handle(req):\n    yield from req\n", "hello"),
        ("async def handle(req):\n    yield req\n    yield b'!'\n", "hello!"),
        ("def handle(req: bytes) -> bytes:\n    return req[::-1]\n", "olleh"),
        ("def handle(req):\n    return memoryview(b'view')\n", "view"),
        ("async def handle(req):\n    print('first')\n    return 'second'\n", "first\nsecond"),
        ("def handle(req):\n    print('one', end=' ')\n    yield 'two '\n    print('three')\n", "one two three\n"),
    ],
)
def test_every_form_of_a_handler(call: Call, source: str, expected: str):
    """What was printed stands where it was printed, beside what is returned or yielded."""
    assert call(source) == (200, expected)


def test_text_that_was_printed_comes_too(call: Call):
    source = (
        "import sys\ndef handle(req):\n    print('out', end='|')\n    print('err', file=sys.stderr)\n    return '.'\n"
    )

    status, text = call(source)

    assert (status, "err\n" in text, text.replace("err\n", "")) == (200, True, "out|.")


def test_threads_are_waited_for_and_exit_functions_run_after_them(call: Call):
    source = """
import atexit, threading, time
atexit.register(print, 'first registered, last run')
atexit.register(print, 'at exit')
def late():
    time.sleep(0.2)
    print('thread')
def handle(req):
    threading.Thread(target=late).start()
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    print('handled')
"""
    assert call(source) == (200, "handled\nthread\nat exit\nfirst registered, last run\n")


def test_executor_finishes_its_work(call: Call):
    source = """
import concurrent.futures, time
pool = concurrent.futures.ThreadPoolExecutor()
def late():
    time.sleep(0.2)
    print('late')
def handle(req):
    pool.submit(late)
"""
    assert call(source) == (200, "late\n")


def test_files_left_open_are_written(call: Call, tmp_path: Path):
    # Not `w`: a process that is started in advance would empty what the one before it has written.
    source = f"""
text = open({str(tmp_path / "text")!r}, 'a')
binary = open({str(tmp_path / "binary")!r}, 'ab')
def handle(req):
    text.write(req)
    binary.write(req.encode())
    return 'done'
"""
    assert call(source) == (200, "done")
    assert (tmp_path / "text").read_text() == (tmp_path / "binary").read_text() == "hello"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sys.exit(3)", "exit status 3\n"),
        ("os._exit(4)", "exit status 4\n"),
        ("raise ValueError('no such thing')", "exit status 1\n"),
        ("os.kill(os.getpid(), 9)", "signal: killed\n"),
    ],
)
def test_failure_decides_the_status(call: Call, line: str, reason: str):
    status, text = call(f"import os, sys\ndef handle(req):\n    {line}\n")

    assert status == 500
    assert text.startswith(reason)


def test_exit_function_that_fails_is_reported_and_harms_nothing(call: Call):
    status, text = call("import atexit\natexit.register(lambda: 1 / 0)\ndef handle(req):\n    return 'fine'\n")

    assert status == 200
    assert "ZeroDivisionError" in text
    assert text.endswith("fine") or text.startswith("fine")
