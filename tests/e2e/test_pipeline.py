"""The Python API, as docs/library.md shows it, in the environment the command is installed in."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
_ADDRESS = "http://127.0.0.1:8080"


def test_the_examples_of_the_library(gateway):
    """All blocks of the page are one program; it prints what the page says, where `...` is anything."""
    blocks = re.findall(r"```(python|text)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = "".join(text for kind, text in blocks if kind == "python")
    expected = "".join(text for kind, text in blocks if kind == "text")
    address = gateway.env["OPENFAAS_URL"]
    gateway.faas("new", "--lang", "python", "hello")
    (gateway.folder / "pipeline.py").write_text(script.replace(_ADDRESS, address))
    printed = gateway.run("python", "-W", "error", "pipeline.py").stdout.decode().splitlines()
    lines = expected.replace(_ADDRESS, address).splitlines()
    assert len(printed) == len(lines), printed
    for line, text in zip(lines, printed, strict=True):
        assert re.fullmatch(re.escape(line).replace(re.escape("..."), ".*"), text), (line, text)
