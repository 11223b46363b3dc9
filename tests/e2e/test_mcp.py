"""`faas mcp`, as a programming agent uses it: over standard input and output, against a real gateway."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
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
    """What a tool answers; its text when it failed."""
    result = await client.call_tool(tool, arguments)
    text = "".join(getattr(each, "text", "") for each in result.content)
    if result.is_error:
        return text
    found = result.structured_content or json.loads(text)
    return found["result"] if found.keys() == {"result"} else found


def test_an_agent_writes_a_function_and_uses_it(gateway):
    """Create, call, log and remove a function; a build failure returns the compiler's output."""

    async def work():
        async with agent(gateway) as client:
            made = await use(client, "new_function", name="fn", lang="go")
            assert made == {"handler": "fn", "stack_file": "fn.yml"}
            (deployed,) = await use(client, "build_and_deploy", function="fn")
            assert deployed["url"].endswith("/function/fn"), deployed
            answer = await use(client, "invoke_function", name="fn", body="me")
            assert (answer["status"], answer["text"]) == (200, "Hello, Go. You said: me")
            assert [each["name"] for each in await use(client, "list_functions")] == ["fn"]
            lines = await use(client, "function_logs", name="fn")
            assert any("fwatchdog" in line for line in lines), lines

            (gateway.folder / "fn" / "handler.go").write_text("package function\n\nnonsense\n")
            (broken,) = await use(client, "build_and_deploy", function="fn")
            assert "does not compile" in broken["error"]
            assert "handler.go:3" in broken["detail"]
            assert (await use(client, "invoke_function", name="fn", body="me"))["status"] == 200

            assert "removed" in await use(client, "remove_function", name="fn")
            assert await use(client, "list_functions") == []
            assert "`fn`" in await use(client, "describe_function", name="fn")

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
