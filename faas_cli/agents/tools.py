"""The tools of a programming agent: thin wrappers of the client, the builders and the stack file.

Agents read each tool's docstring. Every tool returns one JSON text.
"""

from __future__ import annotations

import base64
import codecs
import re
import time
from typing import Any, Literal

import msgspec

from faas_cli.agents.answers import MAX_BYTES, check_limit, described, in_tool_words, listed, shortened
from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.deployment.unserved import unserved
from faas_cli.deployment.upload import ImageUploads
from faas_cli.errors import FaasError, UsageError
from faas_cli.gateway.client import GatewayClient
from faas_cli.gateway.invocation import Call, read_start, request
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildReporter
from faas_cli.images.plan import build_functions
from faas_cli.output.log_lines import since_time
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import StackOptions, open_stack, select, stack_with
from faas_cli.templates.find import available
from faas_cli.templates.pull import template_for_new
from faas_cli.templates.scaffold import check_name, create, plan
from faas_runtime.core.durations import go_duration

_HEAD_BYTES = 512
"""Room of an answer for what is not the function's response."""


class AgentTools:
    """The tools, for one gateway and the project in the present folder."""

    def __init__(self, client: GatewayClient, stack: StackOptions = StackOptions()) -> None:  # noqa: B008 - frozen
        self._client, self._stack = client, stack

    def list_functions(self, namespace: str = "", max_bytes: int = MAX_BYTES) -> str:
        """All functions of a namespace: name, image, replicas, how often each was called."""
        return listed([msgspec.to_builtins(status) for status in self._client.functions(namespace)], max_bytes)

    def describe_function(self, name: str, namespace: str = "", max_bytes: int = MAX_BYTES) -> str:
        """Everything the gateway knows about one function, with its CPU and memory usage."""
        return described(msgspec.to_builtins(self._client.get(name, namespace, usage=True)), max_bytes)

    def function_logs(
        self, name: str, since: str = "10m", lines: int = 100, namespace: str = "", max_bytes: int = MAX_BYTES
    ) -> str:
        """The last lines a function has written, oldest first. `since` is a duration such as 10m.

        The oldest lines are left out of an answer that would be longer than `max_bytes`.
        """
        if lines < 1:
            raise UsageError(f"`lines` must be at least 1: {lines}")
        try:
            start = since_time(go_duration(since), "")
        except ValueError as err:
            raise UsageError(f"`since`: {err}") from None
        query = {"since": start, "tail": str(lines), "follow": "false", "namespace": namespace}
        found = [f"{message.timestamp} {message.text.rstrip()}" for message in self._client.logs(name, query)]
        return listed(found, max_bytes, last=True)

    def invoke_function(
        self,
        name: str,
        body: str = "",
        content_type: str = "text/plain",
        method: str = "POST",
        headers: dict[str, str] | None = None,
        namespace: str = "",
        max_bytes: int = MAX_BYTES,
    ) -> str:
        """Call a function (`name`, or `name.namespace`, with a path and query after it if need be).

        Returns status, content_type, duration_seconds, and the response as `text`, or as `base64` when it is not text.
        `cut_after_bytes` is there when the answer would be longer than `max_bytes`: so much of the response is shown.
        """
        check_limit(max_bytes)
        function, path = re.fullmatch(r"/?([^/?]*)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        call = Call(function, namespace, path, method)
        call.check()
        begun = time.monotonic()
        answer = request(self._client, call, {"Content-Type": content_type} | (headers or {}), body.encode())
        content = read_start(answer, max_bytes + 1)
        found: dict[str, Any] = {
            "status": answer.status,
            "content_type": shortened(answer.headers.get("content-type", ""), _HEAD_BYTES // 4),
            "duration_seconds": round(time.monotonic() - begun, 3),
        }
        return msgspec.json.encode(found | _shown(content, max_bytes - _HEAD_BYTES // 2)).decode()

    def list_templates(self) -> str:
        """The languages that `new_function` takes."""
        return listed(sorted(available()))

    def new_function(self, name: str, lang: str, stack_file: str = "") -> str:
        """Create a function's folder from a template and describe it in a stack file; returns both paths.

        The stack file is a new one, NAME.yml, or an existing one to which the function is added. Overwrites nothing.
        """
        check_name(name)
        scaffold = plan(name, template_for_new(lang, report=lambda text: None), append=stack_file)
        create(scaffold)
        return described({"handler": str(scaffold.handler), "stack_file": str(scaffold.stack_file)})

    def build_and_deploy(
        self,
        function: str = "",
        stack_file: str = "",
        builder: Literal["auto", "oci", "docker", "buildx"] = "auto",
        max_bytes: int = MAX_BYTES,
    ) -> str:
        """Build the functions of a stack file (or only one of them), run their tests, and deploy those that succeeded.

        Without `stack_file` it is the one in this folder that has the function. For a failure, `error` and `detail`
        hold the output of the compiler or the test. `warnings` name settings that have no effect with this gateway.
        """
        check_limit(max_bytes)
        stack = self._stack_of(function, stack_file)
        chosen = select(stack, function, "")
        options = BuildOptions(quiet=True, builder=builder)
        maker = choose_builder(options, stack, Console(quiet=True), self._client.gateway)
        uploads = ImageUploads(self._client)
        found = []
        for each, result in zip(chosen, build_functions(stack, chosen, options, BuildReporter(), maker), strict=True):
            try:
                if result.error is not None:
                    raise result.error
                found.append(self._deploy(each, result.image, uploads))
            except FaasError as err:
                room = max(0, max_bytes // len(chosen) - _HEAD_BYTES)
                texts = {"error": in_tool_words(err.message), "detail": shortened(err.detail, room)}
                found.append({"function": each.name, **texts, "hint": in_tool_words(err.hint)})
        return listed(found, max_bytes)

    def scale_function(self, name: str, replicas: int, namespace: str = "") -> str:
        """Set the number of replicas of a function; 0 stops it until it is called."""
        if replicas < 0:
            raise UsageError(f"the number of replicas must not be negative: {replicas}")
        self._client.scale(name, replicas, namespace)
        return described({"result": f"{name} is scaled to {replicas} replicas"})

    def remove_function(self, name: str, namespace: str = "") -> str:
        """Remove a function from the gateway. Its files stay."""
        self._client.delete(name, namespace)
        return described({"result": f"{name} is removed"})

    def _stack_of(self, function: str, stack_file: str) -> Stack:
        if stack_file:
            return open_stack(stack_file)
        if self._stack.files or not function or "*" in function:
            return self._stack.open()
        return stack_with(function)

    def _deploy(self, function: Function, image: str, uploads: ImageUploads) -> dict[str, Any]:
        deployment = deployment_of(function, DeployOptions())
        found = unserved(self._client, [deployment])
        deploy_one(self._client, deployment, uploads=uploads)
        url = self._client.url_of(deployment.service, deployment.namespace)
        return {"function": function.name, "image": image, "url": url} | ({"warnings": found} if found else {})


def _shown(content: bytes, max_bytes: int) -> dict[str, Any]:
    """A response as `text` or `base64` of at most so many bytes; the response may be longer than `content`."""
    cut = len(content) > max_bytes
    try:
        # The last character may be incomplete.
        text = codecs.getincrementaldecoder("utf-8")().decode(content, final=not cut)
    except UnicodeDecodeError:
        kept = content[: max_bytes // 4 * 3]
        found = {"base64": base64.b64encode(kept).decode()}
        return found | ({"cut_after_bytes": len(kept)} if len(kept) < len(content) else {})
    shown = shortened(text, max_bytes)
    return {"text": shown} | ({"cut_after_bytes": len(shown.encode())} if cut or shown != text else {})
