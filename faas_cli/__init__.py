"""The toolchain: from a folder of code to an image and a request to a gateway. A pipeline can be a Python file:

    from faas_cli import BuildOptions, Gateway, build, deploy, load

    stack = load("stack.yaml")
    for result in build(stack, options=BuildOptions(parallel=4)):
        print(result.function, result.image, result.outcome.digest)
    for address in deploy(stack, Gateway("https://gateway.example.com", user="admin", password=secret)):
        print(address)

Every expected failure raises `FaasError` (message and hint).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faas_cli.library import AsyncCall as AsyncCall
    from faas_cli.library import BuildOptions as BuildOptions
    from faas_cli.library import BuildResult as BuildResult
    from faas_cli.library import DeployOptions as DeployOptions
    from faas_cli.library import FaasError as FaasError
    from faas_cli.library import Function as Function
    from faas_cli.library import FunctionStatus as FunctionStatus
    from faas_cli.library import Gateway as Gateway
    from faas_cli.library import GatewayError as GatewayError
    from faas_cli.library import LogMessage as LogMessage
    from faas_cli.library import Stack as Stack
    from faas_cli.library import build as build
    from faas_cli.library import deploy as deploy
    from faas_cli.library import load as load
    from faas_cli.library import select as select

__all__ = ["AsyncCall", "BuildOptions", "BuildResult", "DeployOptions", "FaasError", "Function", "FunctionStatus",
           "Gateway", "GatewayError", "LogMessage", "Stack", "build", "deploy", "load", "select"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """The library's names, imported on first use: commands start without them."""
    if name not in __all__:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module("faas_cli.library"), name)
