"""One function in detail, as `faas describe` prints it."""

from __future__ import annotations

import msgspec

from faas_runtime.core.api import FunctionIsolation, FunctionResources, FunctionStatus


def describe(function: FunctionStatus, url: str, async_url: str, *, verbose: bool) -> list[str]:
    """The lines of the description; empty sections only when `verbose`."""
    pairs = [
        ("Name", function.name),
        ("Status", _status(function)),
        ("Replicas", str(function.replicas)),
        ("Available Replicas", str(function.available_replicas)),
        ("Invocations", f"{function.invocation_count:.0f}"),
        ("Image", function.image),
        ("Function Process", function.env_process or "<default>"),
        ("URL", url),
        ("Async URL", async_url),
        *([("Isolation", _isolation(function.isolation))] if function.isolation else []),
        *([("Next Run", function.next_run)] if function.next_run else []),
    ]
    lines = [f"{label + ':':<20}{value}" for label, value in pairs]
    lines += _section("Labels", _pairs(function.labels), verbose)
    lines += _section("Annotations", _pairs(function.annotations), verbose)
    lines += _section("Constraints", [f" - {each}" for each in function.constraints], verbose)
    lines += _section("Environment", _pairs(function.env_vars), verbose)
    lines += _section("Secrets", [f" - {each}" for each in function.secrets], verbose)
    lines += _section("Requests", _resources(function.requests), verbose)
    lines += _section("Limits", _resources(function.limits), verbose)
    usage = function.usage
    if usage is not None:
        megabytes = usage.total_memory_bytes / (1024 * 1024)
        lines += _section("Usage", [f"  RAM:  {megabytes:.2f} MB", f"  CPU:  {usage.cpu:.0f} Mi"], verbose)
    return lines


def _status(function: FunctionStatus) -> str:
    return "Ready" if function.available_replicas > 0 else "Not Ready"


def _isolation(found: FunctionIsolation) -> str:
    if found.level == "none":
        return "none"
    network = found.network if found.network == "none" else f"{found.network}, {'' if found.guarded else 'not '}guarded"
    parts = [f"{found.level} (asked for: {found.wish})", f"network {network}", found.limits]
    return "; ".join(part for part in parts if part)


def _pairs(values: dict[str, str] | None) -> list[str]:
    return [f" {key}: {value}" for key, value in sorted((values or {}).items())]


def _resources(resources: FunctionResources | None) -> list[str]:
    if resources is None:
        return []
    lines = [f" CPU: {resources.cpu}"] if resources.cpu else []
    return [*lines, f" Memory: {resources.memory}"] if resources.memory else lines


def _section(label: str, lines: list[str], verbose: bool) -> list[str]:
    if lines:
        return [f"{label}:", *lines]
    return [f"{label + ':':<20}<none>"] if verbose else []


def values(function: FunctionStatus, url: str, async_url: str) -> dict[str, object]:
    """The description for `--output json`."""
    fields: dict[str, object] = msgspec.to_builtins(function)
    return fields | {
        "Status": _status(function),
        "InvocationCount": int(function.invocation_count),
        "URL": url,
        "AsyncURL": async_url,
    }
