"""Serving the tools over the Model Context Protocol. Needs the extra `mcp`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from faas_cli.agents.answers import error_text
from faas_cli.agents.tools import AgentTools
from faas_cli.errors import FaasError
from faas_cli.suggest import did_you_mean
from faas_runtime import __version__
from faas_runtime.core.distribution import install_command

if TYPE_CHECKING:
    from mcp.server import MCPServer

_INSTRUCTIONS = (
    "Functions of a FaaS gateway that speaks OpenFaaS: inspect and call them, read their logs; write, build "
    "and deploy those of the folder this server runs in."
)


def make_server(tools: AgentTools, *, read_only: bool) -> MCPServer[Any]:
    """A server with all tools, or only with those that change nothing. Raises FaasError without the extra `mcp`."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.server.mcpserver.tools import Tool
        from mcp.types import ToolAnnotations
        from pydantic import ValidationError
    except ImportError:
        raise FaasError("this needs the Model Context Protocol", hint=install_command("mcp")) from None

    class StrictTool(Tool):
        """A tool that refuses arguments it does not have."""

        async def run(self, arguments: dict[str, Any], *rest: Any, **options: Any) -> Any:
            known = self.parameters["properties"]
            for name in arguments.keys() - known.keys():
                meant = did_you_mean(name, known) or f"it has: {', '.join(known) or 'none'}"
                raise ToolError(f"`{self.name}` has no argument `{name}`; {meant}")
            try:
                return await super().run(arguments, *rest, **options)
            except ToolError as err:
                if not isinstance(err.__cause__, ValidationError):
                    raise
                wrong = [f"`{each['loc'][0]}`: {each['msg']}" for each in err.__cause__.errors()]
                raise ToolError("; ".join(wrong)) from None

    def offered(tool: Callable[..., str], annotations: ToolAnnotations) -> Tool:
        @functools.wraps(tool)
        def call(*args: Any, **kwargs: Any) -> str:
            try:
                return tool(*args, **kwargs)
            except FaasError as err:
                raise ToolError(error_text(err)) from None

        # Without structured output: it would be the same text once more.
        made = StrictTool.from_function(call, annotations=annotations, structured_output=False)
        made.parameters["additionalProperties"] = False
        return made

    looking = (tools.list_functions, tools.describe_function, tools.function_logs, tools.list_templates)
    found = [offered(tool, ToolAnnotations(read_only_hint=True, open_world_hint=False)) for tool in looking]
    if not read_only:
        found.append(offered(tools.new_function, ToolAnnotations(destructive_hint=False, open_world_hint=False)))
        # What a function does is not known.
        found.append(offered(tools.invoke_function, ToolAnnotations(destructive_hint=True, open_world_hint=True)))
        replacing = ToolAnnotations(destructive_hint=True, idempotent_hint=True, open_world_hint=False)
        found += [offered(tool, replacing) for tool in (tools.build_and_deploy, tools.scale_function,
                                                        tools.remove_function)]  # fmt: skip
    return MCPServer("faas", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING", tools=found)
