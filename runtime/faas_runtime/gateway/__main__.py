"""`python -m faas_runtime.gateway run`: a gateway in the foreground.

Exit codes: 0 stopped as asked, 1 could not start (the last line on stderr says why), 2 misused.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from faas_runtime.errors import RuntimeFault
from faas_runtime.gateway.listeners import PortInUse
from faas_runtime.gateway.server import serve
from faas_runtime.gateway.settings import GatewaySettings
from faas_runtime.gateway.state import AlreadyRunning, StateDir
from faas_runtime.paths import default_state_dir
from faas_runtime.providers.process import ProcessProvider

PREFIX = "faas-gateway: "
"""Begins the line that says why the gateway could not start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    settings = _settings(_parser().parse_args(arguments))
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s"
    )
    state = StateDir(settings.state_dir)
    try:
        state.acquire()
        try:
            _run(serve(settings, state, ProcessProvider(settings.state_dir)))
        finally:
            state.release()
    except (AlreadyRunning, PortInUse, RuntimeFault) as err:
        return _failed(str(err))
    except OSError as err:
        return _failed(f"cannot start: {err}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faas_runtime.gateway")
    run = parser.add_subparsers(required=True, metavar="COMMAND").add_parser("run", help="run until SIGTERM")
    run.add_argument("--state-dir", type=Path, default=default_state_dir(), help="where everything is kept")
    run.add_argument("--host", default="127.0.0.1", help="address to listen on")
    run.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for any")
    run.add_argument("--metrics-port", type=int, default=8082, help="port of the metrics on 127.0.0.1, 0 for none")
    run.add_argument("--no-auth", action="store_true", help="ask nobody for user and password")
    run.add_argument("--upstream-timeout", type=float, default=60.0, metavar="SECONDS", help="limit of one call")
    return parser


def _settings(options: argparse.Namespace) -> GatewaySettings:
    return GatewaySettings(
        state_dir=options.state_dir.absolute(),
        host=options.host,
        port=options.port,
        metrics_port=options.metrics_port,
        auth=not options.no_auth,
        upstream_timeout=options.upstream_timeout,
    )


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
        return
    uvloop.run(work)


def _failed(message: str) -> int:
    sys.stderr.write(f"{PREFIX}{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
