"""`--gateway`, `--tls-no-verify`, `--token`, `--namespace`: which gateway, and how to connect to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faas_cli.options.syntax import Decorated, gathered, option, switch
from faas_runtime.core.paths import default_state_dir

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.gateway.client import GatewayClient
    from faas_cli.stack.model import Stack

_SECTION = "Gateway options"


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Which gateway was typed (None: the stack file's, else the environment's), and how to connect to it."""

    gateway: str | None = None
    tls_no_verify: bool = False
    token: str = ""

    def connect(
        self, stack: Stack | None = None, *, timeout: float | None = None, warn: Console | None = None
    ) -> GatewayClient:
        """A client; `warn` is the console for the warning about a connection that is not encrypted.

        Raises FaasError for an address that is none, or credentials that cannot be read.
        """
        from faas_cli.gateway.client import connect
        from faas_cli.gateway.transport import REST_TIMEOUT

        limit = REST_TIMEOUT if timeout is None else timeout
        client = connect(self.gateway, stack, token=self.token, tls_no_verify=self.tls_no_verify, timeout=limit)
        if warn is not None:
            from faas_cli.gateway.credentials import warn_plain_http

            warn_plain_http(client.gateway, warn)
        return client


gateway_option = option(
    "-g",
    "--gateway",
    default=None,
    metavar="URL",
    section=_SECTION,
    help="Gateway; the stack file's, else $OPENFAAS_URL, else http://127.0.0.1:8080.",
)
tls_option = switch("--tls-no-verify", section=_SECTION, help="Do not verify the gateway's certificate.")

gateway_options = gathered(
    "gateway",
    GatewayOptions,
    gateway_option,
    tls_option,
    option(
        "-k",
        "--token",
        default="",
        metavar="TOKEN",
        section=_SECTION,
        help="Bearer token to send instead of saved credentials.",
    ),
)
"""The command receives `gateway`, a `GatewayOptions`."""

namespace_option = option(
    "-n",
    "--namespace",
    default="",
    envvar="OPENFAAS_NS",
    metavar="NAME",
    section=_SECTION,
    help="Namespace; $OPENFAAS_NS, else the gateway's default.",
)
"""Where a function is that is in no stack file."""

stack_namespace_option = option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    section=_SECTION,
    help="Namespace; the stack file's, else $OPENFAAS_NS, else the gateway's default.",
)
"""`--namespace` as it was typed; `credentials.namespace_of` decides between it and the stack file."""


def state_dir_option(command: Decorated) -> Decorated:
    """`--state-dir`: the state directory of a local gateway, None unless typed."""
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="State directory; $FAAS_STATE_DIR, else ~/.local/state/faas.",
    )(command)


def absolute_state_dir(chosen: Path | None) -> Path:
    """The state directory that was chosen, else the default one."""
    return chosen.expanduser().absolute() if chosen else default_state_dir()
