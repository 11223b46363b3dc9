"""What `faas dev` sends to a gateway, and warns of."""

import io
from typing import Any

from faas_cli.console import Console
from faas_cli.deployment.request import DeployOptions
from faas_cli.devloop.dev import DevLoop
from faas_cli.gateway.client import GatewayClient
from faas_cli.images.model import BuildOptions
from faas_cli.stack.model import Function, Provider, Stack
from tests.conformance.cli.recorder import PROCESS_INFO, recording


def test_a_setting_without_effect_is_warned_of_once(tmp_path):
    """Not at every change; the namespace and the other options of the command hold."""
    function = Function(name="fn", image="fn:1", skip_build=True, annotations={"topic": "orders"})
    stack = Stack(provider=Provider(name="openfaas"), functions={"fn": function})
    errors = io.StringIO()
    no_builder: Any = None
    with recording({"GET /system/info": (200, PROCESS_INFO)}) as recorder:
        loop = DevLoop(
            lambda: (stack, [function]), GatewayClient(recorder.url, None), no_builder, BuildOptions(),
            DeployOptions(namespace="dev", update=False), Console(err=errors), tmp_path,
        )  # fmt: skip
        loop._following.add("fn")  # its log would be read until the end of all tests
        loop.update([function])
        loop.update([function])
    assert errors.getvalue().count("annotation `topic: orders` has no effect") == 1
    assert recorder.lines.count("POST /system/functions") == 2
    assert f"{recorder.url}/function/fn.dev" in errors.getvalue()
