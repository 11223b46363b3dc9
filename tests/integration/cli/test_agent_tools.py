"""The tools of `faas mcp`, called through the protocol, with a gateway that records what it is asked."""

import asyncio
import json

import pytest
from mcp import Client

from faas_cli.agents.server import make_server
from faas_cli.agents.tools import AgentTools
from faas_cli.gateway.client import GatewayClient
from tests.conformance.cli.recorder import recording

STACK = "provider:\n  name: openfaas\nfunctions:\n  {name}:\n    lang: go\n    handler: ./{name}\n    image: {name}:1\n"


@pytest.fixture
def gateway():
    """Answers as configured."""
    with recording() as recorder:
        yield recorder


@pytest.fixture
def use(gateway):
    """Calls one tool: its answer, or the text of its error."""

    def call(tool, /, **arguments):
        async def session():
            async with Client(make_server(AgentTools(GatewayClient(gateway.url, None)), read_only=False)) as client:
                return await client.call_tool(tool, arguments)

        result = asyncio.run(session())
        (content,) = result.content
        assert result.structured_content is None
        return content.text if result.is_error else json.loads(content.text)

    return call


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder the server runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tools(*, read_only=False):
    """The tools that are offered, by name."""

    async def session():
        server = make_server(AgentTools(GatewayClient("http://127.0.0.1:1", None)), read_only=read_only)
        async with Client(server) as client:
            return (await client.list_tools()).tools

    return {tool.name: tool for tool in asyncio.run(session())}


def test_what_a_tool_may_do_is_marked():
    """Only a new function leaves everything else as it was."""
    found = {name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint)
             for name, tool in tools().items()}  # fmt: skip
    reading = {"list_functions", "describe_function", "function_logs", "list_templates"}
    assert {name for name, (read_only, _) in found.items() if read_only} == reading
    assert tools(read_only=True).keys() == reading
    assert {name for name, (_, destructive) in found.items() if destructive} == {
        "invoke_function", "build_and_deploy", "scale_function", "remove_function",
    }  # fmt: skip
    assert found["new_function"] == (None, False)


def test_unknown_and_wrong_arguments_are_refused(use, gateway):
    """With the nearest name; nothing is sent."""
    assert use("list_functions", namespce="dev") == (
        "`list_functions` has no argument `namespce`; did you mean `namespace`?"
    )
    assert "`list_templates` has no argument `x`; it has: none" in use("list_templates", x=1)
    assert use("scale_function", name="fn") == "`replicas`: Field required"
    assert use("function_logs", name="fn", lines="many").startswith("`lines`: ")
    assert "`max_bytes` must be at least 512: 1" in use("invoke_function", name="fn", max_bytes=1)
    assert "`FETCH` is not an HTTP method" in use("invoke_function", name="fn", method="FETCH")
    assert "line breaks" in use("invoke_function", name="fn", headers={"X": "a\nb"})
    assert not gateway.requests
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools().values())


@pytest.mark.parametrize("text", [b"x", "ü".encode(), b'"', b"\n", b"\xff", "日".encode()])
@pytest.mark.parametrize("limit", [None, 700])
def test_a_long_response_is_cut(use, gateway, text, limit):
    """At 16 KiB, or at another size; the answer says after how many bytes of the response."""
    gateway.answers["POST /function/fn"] = (200, text * 20_000)
    found = use("invoke_function", name="fn", **({"max_bytes": limit} if limit else {}))
    size = len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode())
    limit = limit or 16 * 1024
    assert limit - 300 < size <= limit
    shown = found.get("text", "").encode() or text * found["cut_after_bytes"]
    assert (text * 20_000).startswith(shown)
    assert len(shown) == found["cut_after_bytes"] > 100
    assert ("base64" in found) == (text == b"\xff")


def test_a_call_with_path_query_and_headers(use, gateway):
    """And the status of any answer is an answer, not an error."""
    gateway.answers["PUT /function/fn.dev/a"] = (404, b"nothing here", {"Content-Type": "a/b"})
    found = use(
        "invoke_function", name="fn.dev/a?b=c", method="PUT", body="ü", headers={"X-A": "1"}, content_type="c/d"
    )
    del found["duration_seconds"]
    assert found == {"status": 404, "content_type": "a/b", "text": "nothing here"}
    (request,) = gateway.requests
    assert (str(request), request.body) == ("PUT /function/fn.dev/a?b=c", "ü".encode())
    assert (request.headers["X-A"], request.headers["Content-Type"]) == ("1", "c/d")


def test_logs_are_cut_at_their_start(use, gateway):
    """The newest lines are worth more."""
    line = {"name": "fn", "namespace": "n", "instance": "i", "timestamp": "2026-01-01T00:00:00Z"}
    lines = "".join(json.dumps({**line, "text": f"{number} {'x' * 50}"}) for number in range(1000))
    gateway.answers["GET /system/logs"] = (200, lines.encode())
    found = use("function_logs", name="fn", lines=1000)
    assert found["result"][-1].startswith("2026-01-01T00:00:00Z 999 x")
    assert len(found["result"]) + found["omitted"] == 1000
    assert found["omitted"] > 700


def test_the_stack_file_of_a_function_is_found(use, project):
    """Among several; the error of the build shows that it was read."""
    for name in ("one", "two"):
        (project / f"{name}.yml").write_text(STACK.format(name=name))
    (project / "broken.yml").write_text("provider:\n  name: openfaas\nfunctions: [\n")
    (found,) = use("build_and_deploy", function="two", builder="oci")["result"]
    assert found["function"] == "two"
    assert "./two" in found["error"]
    assert "broken.yml" in use("build_and_deploy", function="three")
    (project / "broken.yml").unlink()
    assert use("build_and_deploy", function="three").endswith(
        "no stack file here has a function `three`\nthey have: one, two"
    )
    assert use("build_and_deploy").endswith(
        "several stack files are here: `one.yml`, `two.yml`\nchoose one with `stack_file`"
    )
    (project / "more.yml").write_text(STACK.format(name="two"))
    assert "several stack files have a function `two`: `more.yml`, `two.yml`" in use("build_and_deploy", function="two")


def test_new_functions_in_one_stack_file(use, project):
    """The hint of the refusal says how."""
    assert use("new_function", name="one", lang="go") == {"handler": "one", "stack_file": "one.yml"}
    assert use("new_function", name="two", lang="go", stack_file="one.yml")["stack_file"] == "one.yml"
    assert "  two:\n" in (project / "one.yml").read_text()
    assert use("new_function", name="one", lang="go").endswith(
        "already exists; nothing was changed\nchoose another name"
    )


def test_hints_name_tools(use, gateway):
    """An agent has no command line."""
    gateway.answers["DELETE /system/functions"] = (404, b"no")
    assert use("remove_function", name="fn").endswith("`list_functions` shows the functions")
