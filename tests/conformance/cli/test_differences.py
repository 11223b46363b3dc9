"""The tables of docs/differences.md: every row names a test that exists, and these are the ones no other file has."""

import ast
import json
import re
import tempfile
from pathlib import Path

import pytest

from faas_cli.console import LOGO
from faas_runtime.core.settings import GATEWAY

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| --- ", "| Original "))
]

LOG = b'{"name":"fn","namespace":"","instance":"i","timestamp":"2026-01-01T00:00:00Z","text":"one"}\n'


def test_every_line_of_the_tables_is_a_row():
    """None is lost to this test by a missing cell or an empty one."""
    assert len(ROWS) > 40
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[^\w -]", "", row[0])[:40])
def test_a_row_is_shown_by_a_test(row):
    """The named test is there, and nothing skips it always."""
    found = re.fullmatch(r"`([\w/]+)::(\w+)`", row[3])
    assert found, row[3]
    path = ROOT / "tests" / f"{found[1]}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (test,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == found[2]]
    assert not [mark for mark in test.decorator_list if "skip" in ast.unparse(mark) or "xfail" in ast.unparse(mark)]
    assert [each for each in ast.walk(test) if isinstance(each, ast.Assert)] or "pytest.raises" in ast.unparse(test)


def test_errors(client, unused_port):
    """On stderr with a hint; 2 for a wrong command line, 1 for a failed command. Ctrl-C: test_interruptions."""
    done = client.run("list", "-g", f"http://127.0.0.1:{unused_port}", code=1)
    assert done.stdout == b""
    assert re.match(rb"faas: .+\n  hint: .+\n", done.stderr)
    assert client.run("list", "--no-such-flag", code=2).stdout == b""


def test_new(client):
    """The stack file has the function's name, and later commands find it."""
    client.run("new", "fn", "--lang", "python", "--quiet")
    assert (client.folder / "fn.yml").is_file()
    assert b"fn.yml: 1 function" in client.run("validate").stdout


def test_a_function_without_lang(client):
    """Is named, with what to do."""
    client.write("stack.yml", "provider: {name: openfaas}\nfunctions:\n  fn: {handler: ./fn, image: fn}\n")
    done = client.run("build", "-f", "stack.yml", "--builder", "oci", code=1)
    assert b"`fn` has no `lang` in the stack file" in done.stderr


def test_a_tag_outside_a_repository(client):
    """No image is named."""
    with tempfile.TemporaryDirectory() as outside:
        client.env |= {"GIT_CEILING_DIRECTORIES": outside, "GIT_DIR": f"{outside}/none"}
        client.write(
            "stack.yml", "provider: {name: openfaas}\nfunctions:\n  fn: {lang: go, handler: ./fn, image: fn}\n"
        )
        done = client.run("generate", "-f", "stack.yml", "--tag", "sha", code=1)
    assert done.stdout == b""
    assert b"faas: " in done.stderr


def test_labels_of_the_store(client):
    """A typed one replaces the store's of the same name."""
    entry = {"name": "env", "title": "Env", "images": {"x86_64": "acme/env:1"}, "labels": {"a": "store", "b": "store"}}
    client.write("store.json", json.dumps({"version": "0.2.0", "functions": [entry]}))
    client.run(
        "store", "deploy", "env", "--platform", "x86_64", "--url", str(client.folder / "store.json"), "-l", "a=me"
    )
    sent = [each.json for each in client.gateway.requests if each.target == "/system/functions"]
    assert sent[-1]["labels"] == {"a": "me", "b": "store"}


def test_a_log_that_is_cut(client):
    """In the middle of an object."""
    client.gateway.answers["GET /system/logs"] = (200, LOG + b'{"name": "fn", "te')
    done = client.run("logs", "fn", "--tail=false", code=1)
    assert b"one" in done.stdout
    assert b"faas: " in done.stderr


def test_version(client, unused_port):
    """Without network and gateway it prints its own, below its own logo."""
    done = client.run("version", "-g", f"http://127.0.0.1:{unused_port}")
    assert LOGO in done.stdout.decode()
    assert b"CLI:" in done.stdout


def test_logs_follow(client):
    """`-f` needs no file behind it."""
    client.gateway.answers["GET /system/logs"] = (200, LOG)
    client.run("logs", "-f", "fn")
    assert "follow=true" in client.gateway.requests[-1].target
    client.write("my.yml", "provider: {name: openfaas}\nfunctions: {fn: {image: fn, namespace: dev}}\n")
    client.run("logs", "--yaml", "my.yml", "fn")


def test_the_gateways_defaults():
    """Loopback, with authentication."""
    assert GATEWAY.settings["host"].default == "127.0.0.1"
    assert GATEWAY.settings["auth"].default is True


def test_replicas_have_no_cap(client):
    """The command sends any number; the gateway's own check is in test_gateway_contract."""
    client.gateway.answers["POST /system/scale-function/fn"] = (202, b"")
    client.run("scale", "fn", "50")
    assert client.gateway.requests[-1].json["replicas"] == 50
