"""Running a function under its language's debugger: it waits for an editor, without timeouts.

Everything specific to a language is in the template under `faas.debug`; the debugger is fetched
once, into the state directory, and never into an image.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from faas_cli.devloop.foreground import RunPlan
from faas_cli.errors import BuildError, FaasError
from faas_cli.images.builders.steps import StepRunner
from faas_cli.images.toolchains import find_toolchain, write_shims
from faas_cli.images.tree import sync_tree
from faas_cli.stack.model import Function
from faas_cli.templates.model import Step, Template
from faas_runtime.core.files import write_file
from faas_runtime.core.interpreters import python_minor
from faas_runtime.images.interpreter import Interpreter

LAUNCH_FILE = Path(".vscode") / "launch.json"
_NO_TIMEOUT = "24h"
_TIMEOUTS = dict.fromkeys(("exec_timeout", "read_timeout", "write_timeout"), _NO_TIMEOUT)


def debug_plan(
    plan: RunPlan,
    function: Function,
    template: Template | None,
    context: Path,
    port: int,
    state: Path,
    say: Callable[[str], None],
) -> tuple[RunPlan, dict[str, Any]]:
    """A plan for the same function with its debugger listening on `port`, and the launch entry that attaches to it.

    Raises FaasError when the template names no debugger, BuildError when it cannot be fetched.
    """
    if template is None or template.recipe is None or template.recipe.debug is None:
        name = "a Dockerfile" if template is None else f"the template `{template.name}`"
        raise FaasError(
            f"{name} has no debugger configuration",
            hint="add `faas.debug` to its template.yml: see docs/templates.md",
        )
    debug = template.recipe.debug
    toolchain = find_toolchain(template.recipe.toolchain, python_minor(plan.python) if plan.python else "")
    state.mkdir(parents=True, exist_ok=True)
    tools = state / "tools" / hashlib.sha256(f"{debug.tools}\0{toolchain.identity}".encode()).hexdigest()[:16]
    folder = plan.folder or Path()
    with tempfile.TemporaryDirectory(dir=state) as scratch:
        environment = write_shims(toolchain, Path(scratch))
        if debug.tools and not tools.exists():
            say("fetching the debugger, once")
            _install(Path(scratch) / "new", tools, debug.tools, environment)
        if debug.build is not None:
            folder = state / "work" / hashlib.sha256(str(context.resolve()).encode()).hexdigest()[:16]
            sync_tree(context, folder, keep=[])
            StepRunner(folder, environment, say).run(debug.build, f"`{function.name}` does not compile")
    handler = f"${{workspaceFolder}}/{function.handler.removeprefix('./').rstrip('/')}"
    source = str(folder / template.handler_folder)
    values = {"port": str(port), "tools": str(tools), "handler": handler, "source": source}
    added = {
        **_filled(debug.env, values),
        **_TIMEOUTS,
        "fprocess": Interpreter(plan.python).command(_filled(debug.run, values)),
    }
    if plan.environment.get("mode") != "http":
        # The debugger has one port: a second process of the function could not listen.
        added["max_inflight"] = "1"
    # A call at a breakpoint would block a graceful stop.
    changed = replace(plan, folder=folder, environment={**plan.environment, **added}, stop_signal=signal.SIGINT)
    return changed, {"name": f"faas: {function.name}", **_filled(debug.launch, values)}


def write_launch_entry(project: Path, entry: dict[str, Any]) -> Path | None:
    """Write the entry to the project's `launch.json`, replacing one of the same name; return the path.

    None, and nothing is changed, when that file has comments or anything else that would be lost.
    """
    path = project / LAUNCH_FILE
    content: dict[str, Any] = {"version": "0.2.0", "configurations": []}
    try:
        if path.exists():
            content = json.loads(path.read_text(encoding="utf-8"))
        others = [each for each in content.get("configurations", []) if each.get("name") != entry["name"]]
    except (ValueError, AttributeError, TypeError):
        return None
    content["configurations"] = [*others, entry]
    try:
        write_file(path, json.dumps(content, indent=2) + "\n")
    except OSError as err:
        raise FaasError(f"cannot write `{path}`: {err.strerror}") from None
    return path


def _install(place: Path, tools: Path, command: str, environment: dict[str, str]) -> None:
    """Install atomically: an existing folder counts as complete."""
    place.mkdir()
    output: list[str] = []
    runner = StepRunner(place, environment, output.append)
    try:
        runner.run(Step(run=command.replace("{tools}", ".")), "the debugger cannot be fetched")
    except BuildError as err:
        raise BuildError(err.message, hint="the first fetch needs the network", detail=err.detail) from None
    tools.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.rename(tools)
    except OSError:
        # Another process was first.
        shutil.rmtree(place, ignore_errors=True)


def _filled(value: Any, values: dict[str, str]) -> Any:
    """The value with every `{name}` replaced; `{port}` alone becomes a number."""
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if value == "{port}":
        return int(values["port"])
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace("{" + name + "}", text)
    return value
