"""`faas mcp`, as a programming agent uses it: over standard input and output, against a real gateway."""

import asyncio
import json
import os
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "mcp.md"
CHANGING = {"invoke_function", "new_function", "build_and_deploy", "scale_function", "remove_function"}


@asynccontextmanager
async def agent(shell, *arguments):
    """A client of the server, which runs in the shell's folder."""
    code = "from faas_cli.cli import main; main()"
    env = {**shell.env, "PYTHONPATH": os.pathsep.join([str(ROOT / "runtime"), str(ROOT)])}
    server = StdioServerParameters(
        command=sys.executable, args=["-c", code, "mcp", *arguments], env=env, cwd=str(shell.folder)
    )
    async with Client(server, read_timeout_seconds=60) as client:
        yield client


async def use(client, tool, **arguments):
    """What a tool answers; its text as `error` when it failed."""
    result = await client.call_tool(tool, arguments)
    (content,) = result.content
    return {"error": content.text} if result.is_error else json.loads(content.text)


def matches(shown, found):
    """Whether an answer is as the page shows it, where `...` is anything."""
    if isinstance(shown, dict):
        return shown.keys() == found.keys() and all(matches(shown[key], found[key]) for key in shown)
    if isinstance(shown, list):
        return len(shown) == len(found) and all(map(matches, shown, found))
    return shown in ("...", found)


def test_the_examples_of_the_page(gateway):
    """An agent creates, builds, deploys, calls, scales and removes a function, and makes mistakes."""
    blocks = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    text = "".join(blocks).replace("http://127.0.0.1:8080", gateway.env["OPENFAAS_URL"])
    steps = [json.loads(line) for line in text.splitlines()]

    async def work():
        async with agent(gateway) as client:
            for call, answer in zip(steps[::2], steps[1::2], strict=True):
                found = await use(client, call["tool"], **call["arguments"])
                assert matches(answer, found), (call, found)

    asyncio.run(work())


def test_a_failed_build(gateway):
    """The answer has the compiler's output; the deployed function goes on."""

    async def work():
        async with agent(gateway) as client:
            await use(client, "new_function", name="fn", lang="go")
            await use(client, "build_and_deploy", function="fn")
            (gateway.folder / "fn" / "handler.go").write_text("package function\n\nnonsense\n")
            (broken,) = (await use(client, "build_and_deploy", function="fn"))["result"]
            assert "does not compile" in broken["error"]
            assert "handler.go:3" in broken["detail"]
            assert (await use(client, "invoke_function", name="fn", body="me"))["status"] == 200

    asyncio.run(work())


def test_read_only_offers_nothing_that_changes_or_calls(gateway):
    """And the names that it does offer are marked as harmless."""

    async def work():
        async with agent(gateway, "--read-only") as client:
            return {tool.name: tool.annotations.read_only_hint for tool in (await client.list_tools()).tools}

    offered = asyncio.run(work())
    assert all(offered.values())
    assert not CHANGING & offered.keys()
    assert "list_functions" in offered


def test_without_the_extra_it_says_how_to_get_it(gateway):
    """The command's own environment was installed without."""
    assert "pip install 'faaskit[mcp]" in gateway.fails("mcp")
