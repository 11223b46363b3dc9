"""What cannot be called is found by the check step of a build, and the error says what was expected."""

import os
import shutil
import subprocess
import sys

import pytest

from faas_cli.templates.find import builtin_folder

PYTHON = {
    "syntax": (
        "handler.py",
        "def handle(req)\n    return 1\n",
        ["function/handler.py:1: expected ':'", "def handle(req)"],
    ),
    "not a module": ("handler.py", "return 1\n", ["function/handler.py:1: 'return' outside function"]),
    "import": (
        "handler.py",
        "import json\nimport no_such_thing\n\ndef handle(req):\n    return 1\n",
        ["function/handler.py:2: there is no module `no_such_thing`", "requirements.txt"],
    ),
    "own module": ("handler.py", "from .helpers import x\n\ndef handle(req): ...\n", ["handler.py:1", "`helpers`"]),
    "own module's import": (
        "handler.py\nutil.py",
        "from . import util\n\ndef handle(req): ...\n\nimport no_such_thing\n",
        ["function/util.py:1: there is no module `no_such_thing`"],
    ),
    "absolute import of an own file": (
        "handler.py\nutil.py",
        "import util\n\ndef handle(req): ...\n\n",
        ["`from . import util`"],
    ),
    "name": ("handler.py", "def handel(req): ...\n", ["nothing there can be called; expected `def handle(req)`"]),
    "signature": (
        "handler.py",
        "def handle(req, more): ...\n",
        ["handler.py:1: `def handle(req, more)` cannot be called"],
    ),
    "no parameter": (
        "handler.py",
        "def handle(): ...\n",
        ["`def handle()` cannot be called; expected `def handle(req)`"],
    ),
    "keyword": ("handler.py", "def handle(req, *, key): ...\n", ["cannot be called"]),
    "application": ("handler.py", "app = object()\n", ["python-http"]),
    "nothing": ("other.py", "", ["function/ has no handler.py"]),
    "raises": ("handler.py", "x = 1\nraise KeyError('no key')\n", ["function/handler.py:2: KeyError: 'no key'"]),
    "ends": ("handler.py", "import sys\n\n\nsys.exit(3)\n", ["function/handler.py:4: SystemExit: 3"]),
}
PYTHON_RIGHT = [
    ("stdin", "globals()['handle'] = str\n"),
    ("stdin", "def handle(req, more=1, *rest, key=2, **others): ...\n"),
    ("stdin", "async def handle(*args): ...\n"),
    ("stdin", "try:\n    import no_such_thing\nexcept ImportError:\n    pass\nhandle = print\n"),
    ("stdin", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such_thing\ndef handle(req): ...\n"),
    ("stdin", "def handle(req):\n    import no_such_thing\n"),
    ("stdin", "import sys\nsys.path.append('x')\nimport no_such_thing\nhandle = str\n"),
    ("stdin", "import functools\n@functools.cache\ndef handle(): ...\n"),
    ("stdin", "raise_at_import = {}['KEY']\ndef handle(req): ...\n"),
    ("http", "def handle(event, context): ...\n"),
    ("http", "def handle(req): ...\n"),
    ("http", "application = object()\n"),
    ("http", "from os.path import *\n"),
    ("http", "class Handler:\n    def handle(self, event, context): ...\nhandle = Handler().handle\n"),
]


@pytest.fixture
def check(tmp_path, tool):
    """Run a template's check over files: `check("python", "stdin", {...})` returns the exit code and what was said."""

    def run(template, kind, files):
        name, program = ("check.py", sys.executable) if template == "python" else ("check.js", tool("node"))
        for each in (name, "load.js"):
            if (builtin_folder() / template / each).exists():
                shutil.copy(builtin_folder() / template / each, tmp_path)
        for path, text in files.items():
            (tmp_path / "function" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "function" / path).write_text(text)
        done = subprocess.run(
            [program, name, kind], cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("case", PYTHON)
def test_python_that_cannot_be_called(check, case):
    """The file, the line, and what was expected."""
    names, text, expected = PYTHON[case]
    *first, last = names.split("\n")
    before, _, after = text.rpartition("\n\n") if first else ("", "", text)
    code, said = check("python", "stdin", {**dict.fromkeys(first, before), last: after})
    assert code == 1
    assert "Traceback" not in said
    for each in expected:
        assert each in said


@pytest.mark.parametrize(("kind", "text"), PYTHON_RIGHT)
def test_python_that_can_be_called(check, kind, text):
    """Its text says enough: what needs a variable or a network of its own place is no mistake."""
    assert check("python", kind, {"handler.py": text, "__init__.py": ""}) == (0, "")


NODE = {
    "syntax": ({"handler.js": "module.exports = (\n"}, ["function/handler.js cannot be loaded", "SyntaxError"]),
    "import": (
        {"handler.js": "const x = require('no-such-thing')\n"},
        ["Cannot find module 'no-such-thing'", "npm install no-such-thing"],
    ),
    "import of a module": (
        {"handler.mjs": "import x from 'no-such-thing'\nexport default x\n"},
        ["Cannot find package 'no-such-thing'", "npm install no-such-thing"],
    ),
    "own file": ({"handler.js": "require('./helpers')\n"}, ["Cannot find module './helpers'"]),
    "no function": (
        {"handler.js": "module.exports = { a: 1 }\n"},
        ["exports nothing that can be called; expected `module"],
    ),
    "class": ({"handler.js": "module.exports = class {}\n"}, ["exports nothing that can be called"]),
    "require in a module": (
        {"handler.mjs": "const fs = require('node:fs')\nexport default () => fs\n"},
        ["require is not defined in ES module scope"],
    ),
    "application": ({"handler.js": "module.exports = Object.assign(() => {}, { listen() {} })\n"}, ["node-http"]),
    "package.json": ({"handler.js": "module.exports = () => {}\n", "package.json": "{"}, ["function/package.json: "]),
    "nothing": ({"other.js": ""}, ["function/ has no handler.js"]),
}


@pytest.mark.parametrize("case", NODE)
def test_node_that_cannot_be_called(check, tool, case):
    """The file, and what was expected or what to type."""
    tool("node")
    files, expected = NODE[case]
    code, said = check("node", "stdin", files)
    assert code == 1
    for each in expected:
        assert each in said


def test_node_that_needs_its_own_place(check, tool):
    """What fails for another reason is reported, and no mistake; a timer that is left open does not hold the build."""
    tool("node")
    code, said = check("node", "http", {"handler.js": "require('node:fs').readFileSync('/run/no-such-secret')\n"})
    assert code == 0
    assert "cannot be loaded here, so it has not been checked" in said
    text = "setInterval(() => {}, 1000)\nexports.default = () => {}\n"
    assert check("node", "http", {"handler.js": text}) == (0, "")
