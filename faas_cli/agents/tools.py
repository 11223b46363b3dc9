"""Tools for programming agents over the Model Context Protocol, thin wrappers of our own client.

Agents read each tool's docstring. Needs the extra `mcp`.
"""

from __future__ import annotations

import base64
import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.errors import FaasError, UsageError
from faas_cli.gateway.client import GatewayClient
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildReporter
from faas_cli.images.plan import build_functions
from faas_cli.stack.select import StackOptions, open_stack, select
from faas_cli.templates.find import available
from faas_cli.templates.pull import template_for_new
from faas_cli.templates.scaffold import check_name, create, plan
from faas_runtime import __version__
from faas_runtime.core.distribution import install_command
from faas_runtime.core.durations import go_duration

if TYPE_CHECKING:
    from mcp.server import MCPServer

P = ParamSpec("P")
R = TypeVar("R")

MAX_ANSWER_BYTES = 256 * 1024
"""Maximum bytes of a function's response that an agent receives; a longer one is marked as cut."""
_INSTRUCTIONS = (
    "Functions of a FaaS gateway that speaks OpenFaaS: inspect and call them, read their logs; write, build "
    "and deploy those of the folder this server runs in."
)


class AgentTools:
    """The tools, for one gateway and the project in the present folder."""

    def __init__(self, client: GatewayClient, stack: StackOptions = StackOptions()) -> None:  # noqa: B008 - frozen
        self._client, self._stack = client, stack

    def list_functions(self, namespace: str = "") -> list[dict[str, Any]]:
        """All functions of a namespace: name, image, replicas, how often each was called."""
        return [msgspec.to_builtins(status) for status in self._client.functions(namespace)]

    def describe_function(self, name: str, namespace: str = "") -> dict[str, Any]:
        """Everything the gateway knows about one function, with its CPU and memory usage."""
        found: dict[str, Any] = msgspec.to_builtins(self._client.get(name, namespace, usage=True))
        return found

    def function_logs(self, name: str, since: str = "10m", lines: int = 100, namespace: str = "") -> list[str]:
        """The last lines a function has written, oldest first. `since` is a duration such as 10m."""
        try:
            moment = datetime.now(UTC) - timedelta(seconds=go_duration(since))
        except ValueError as err:
            raise UsageError(f"`since`: {err}") from None
        query = {"since": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "tail": str(lines), "follow": "false"}
        if namespace:
            query["namespace"] = namespace
        return [f"{message.timestamp} {message.text.rstrip()}" for message in self._client.logs(name, query)]

    def invoke_function(
        self,
        name: str,
        body: str = "",
        content_type: str = "text/plain",
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call a function (`name`, or `name.namespace`, with a path and query after it if need be).

        Returns status, content_type, duration_seconds, and the response as `text`, or as `base64` when it is not text.
        """
        begun = time.monotonic()
        path = f"/function/{name.lstrip('/')}"
        sent = {"Content-Type": content_type, **(headers or {})}
        answer = self._client.invoke(path, method=method, body=body.encode(), headers=sent, query=())
        content = answer.read(MAX_ANSWER_BYTES + 1)
        found: dict[str, Any] = {
            "status": answer.status,
            "content_type": answer.headers.get("content-type", ""),
            "duration_seconds": round(time.monotonic() - begun, 3),
        }
        if len(content) > MAX_ANSWER_BYTES:
            found["cut_after_bytes"] = MAX_ANSWER_BYTES
            content = content[:MAX_ANSWER_BYTES]
        try:
            return {**found, "text": content.decode()}
        except UnicodeDecodeError:
            return {**found, "base64": base64.b64encode(content).decode()}

    def list_templates(self) -> list[str]:
        """The languages that `new_function` takes."""
        return sorted(available())

    def new_function(self, name: str, lang: str) -> dict[str, str]:
        """Create a function's folder and stack file from a template; returns their paths. Overwrites nothing."""
        check_name(name)
        scaffold = plan(name, template_for_new(lang, report=lambda text: None))
        create(scaffold)
        return {"handler": str(scaffold.handler), "stack_file": str(scaffold.stack_file)}

    def build_and_deploy(self, function: str = "", stack_file: str = "") -> list[dict[str, Any]]:
        """Build the functions of a stack file (or only one of them), run their tests, and deploy those that succeeded.

        For a failure, `error` and `detail` hold the output of the compiler or the test.
        """
        stack = open_stack(stack_file) if stack_file else self._stack.open()
        chosen = select(stack, function, "")
        options = BuildOptions(quiet=True)
        builder = choose_builder(options, stack, Console(quiet=True), self._client.gateway)
        results = build_functions(stack, chosen, options, BuildReporter(), builder)
        found = []
        for each, result in zip(chosen, results, strict=True):
            if result.error is not None:
                error = result.error
                found.append(
                    {"function": each.name, "error": error.message, "detail": error.detail, "hint": error.hint}
                )
                continue
            deploy_one(self._client, deployment_of(each, DeployOptions()))
            url = f"{self._client.gateway}/function/{each.name}"
            found.append({"function": each.name, "image": result.image, "url": url})
        return found

    def scale_function(self, name: str, replicas: int, namespace: str = "") -> str:
        """Set the number of replicas of a function; 0 stops it until it is called."""
        if replicas < 0:
            raise UsageError(f"the number of replicas must not be negative: {replicas}")
        self._client.scale(name, replicas, namespace)
        return f"{name} is scaled to {replicas} replicas"

    def remove_function(self, name: str, namespace: str = "") -> str:
        """Remove a function from the gateway. Its files stay."""
        self._client.delete(name, namespace)
        return f"{name} is removed"


def make_server(tools: AgentTools, *, read_only: bool) -> MCPServer[Any]:
    """A server with all tools, or only with those that change nothing. Raises FaasError without the extra `mcp`."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError:
        raise FaasError("this needs the Model Context Protocol", hint=install_command("mcp")) from None

    def plainly(tool: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(tool)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return tool(*args, **kwargs)
            except FaasError as err:
                raise ToolError("\n".join(filter(None, [err.message, err.hint, err.detail]))) from None

        return call

    server: MCPServer[Any] = MCPServer("faas", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
    looking = [tools.list_functions, tools.describe_function, tools.function_logs, tools.list_templates]
    acting = [tools.invoke_function, tools.new_function, tools.build_and_deploy, tools.scale_function]
    for tool in looking:
        server.tool(annotations=ToolAnnotations(read_only_hint=True))(plainly(tool))  # type: ignore[arg-type]
    if read_only:
        return server
    for tool in acting:
        server.tool(annotations=ToolAnnotations(destructive_hint=False))(plainly(tool))  # type: ignore[arg-type]
    server.tool(annotations=ToolAnnotations(destructive_hint=True))(plainly(tools.remove_function))
    return server
