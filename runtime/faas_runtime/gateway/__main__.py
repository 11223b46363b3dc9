"""`python -m faas_runtime.gateway run`: a gateway in the foreground; `provide`: a provider alone.

Exit codes: 0 stopped as asked, 1 could not start (the last line on stderr says why), 2 misused.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.core.paths import default_state_dir
from faas_runtime.gateway.app import Gateway, serve
from faas_runtime.gateway.auth.accounts import Account
from faas_runtime.gateway.auth.credentials import read_account
from faas_runtime.gateway.environment import Environment
from faas_runtime.gateway.listeners.bind import PortInUse
from faas_runtime.gateway.listeners.handover import HandoverFailed, Predecessor
from faas_runtime.gateway.settings import LONGEST_LEASE, SHORTEST_LEASE, GatewaySettings
from faas_runtime.gateway.standalone import provide
from faas_runtime.gateway.state import AlreadyRunning, StateDir
from faas_runtime.providers.base import Provider
from faas_runtime.providers.engines import DEFAULT_ENGINE, ENGINES

PREFIX = "faas-gateway: "
"""Begins the line that says why the gateway could not start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(Environment.of(os.environ)).parse_args(given)
    settings = _settings(options)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s"
    )
    state = StateDir(settings.state_dir)
    try:
        predecessor = Predecessor.of_environment()
        if predecessor is None:
            state.acquire()
        try:
            provider = _provider(settings)
            if options.command == "provide":
                _run(provide(settings, state, provider))
            else:
                gateway = Gateway(settings, state, provider, given, predecessor)
                if predecessor is not None:
                    predecessor.wait_for_go()
                    state.adopt(predecessor.lock)
                _run(serve(gateway))
        finally:
            state.release()
    except (AlreadyRunning, HandoverFailed, PortInUse, RuntimeFault) as err:
        return _failed(str(err))
    except OSError as err:
        return _failed(f"cannot start: {err}")
    return 0


def _parser(environment: Environment) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faas_runtime.gateway")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    run = commands.add_parser("run", help="run a gateway until SIGTERM")
    _add_run(run, environment)
    alone = commands.add_parser("provide", help="serve a provider alone until SIGTERM, for a gateway elsewhere")
    _add_common(alone, environment, 8081)
    alone.set_defaults(nats="", queue_lease=60.0, store_url="", callback_hosts=[])
    alone.set_defaults(metrics_port=0, metrics_host="", provider_url="", logs_url="", provider_secrets_dir=None)
    alone.set_defaults(unix=None, workers=1, access_log="off", tls_cert=None, tls_key=None)
    return parser


def _add_run(run: argparse.ArgumentParser, environment: Environment) -> None:
    _add_common(run, environment, 8080)
    run.add_argument("--metrics-port", type=int, default=8082, help="port of the metrics, 0 for none")
    run.add_argument("--metrics-host", default="127.0.0.1", metavar="HOST", help="address of the metrics")
    run.add_argument(
        "--provider-url", default=environment.provider_url, metavar="URL", help="let this provider run the functions"
    )
    run.add_argument("--logs-url", default=environment.logs_url, metavar="URL", help="who keeps the logs, if not it")
    run.add_argument(
        "--provider-secrets-dir",
        type=Path,
        default=environment.provider_secrets_dir,
        metavar="FOLDER",
        help="user and password for the provider, where they are not ours",
    )
    run.add_argument("--workers", type=int, default=1, metavar="N", help="processes of the proxy")
    run.add_argument("--unix", type=Path, metavar="FILE", help="listen on this Unix socket as well")
    run.add_argument("--access-log", choices=["off", "text", "json"], default="off", help="log every request on stdout")
    run.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate")
    run.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, where that is a file of its own")
    run.add_argument("--nats", default="", metavar="URL", help="keep asynchronous calls in NATS JetStream")
    run.add_argument(
        "--queue-lease",
        type=_lease,
        default=60.0,
        metavar="SECONDS",
        help="how long after its last sign a gateway counts as dead, so that its asynchronous calls are made again",
    )
    run.add_argument(
        "--callback-host",
        action="append",
        default=[],
        dest="callback_hosts",
        metavar="HOST",
        help="let calls be answered there although its address is not public; may be repeated",
    )
    run.add_argument(
        "--store-url",
        default=environment.store_url,
        metavar="URL",
        help="function store the dashboard deploys from, nothing for none",
    )


def _lease(text: str) -> float:
    seconds = float(text)
    if not SHORTEST_LEASE <= seconds <= LONGEST_LEASE:
        raise argparse.ArgumentTypeError(f"`{text}` is not between {SHORTEST_LEASE:g} and {LONGEST_LEASE:g} seconds")
    return seconds


def _add_common(parser: argparse.ArgumentParser, environment: Environment, port: int) -> None:
    add = parser.add_argument
    add("--state-dir", type=Path, default=default_state_dir(), help="where everything is kept")
    add("--engine", choices=sorted(ENGINES), default=DEFAULT_ENGINE, help="what runs the functions")
    add("--host", default="127.0.0.1", help="address to listen on")
    add(
        "--port",
        type=int,
        default=port if environment.port is None else environment.port,
        help="port to listen on, 0 for any",
    )
    add("--no-auth", action="store_true", default=not environment.auth, help="ask nobody for user and password")
    add(
        "--secrets-dir",
        type=Path,
        default=environment.secrets_dir,
        metavar="FOLDER",
        help="where basic-auth-user and basic-auth-password are",
    )
    for name, default, text in (
        ("--upstream-timeout", environment.upstream_timeout, "limit of one call"),
        ("--read-timeout", environment.read_timeout, "limit of a client's silence in a request"),
        ("--write-timeout", environment.write_timeout, "limit of a client's refusal to take a response"),
    ):
        add(name, type=float, default=default or 60.0, metavar="SECONDS", help=text)


def _settings(options: argparse.Namespace) -> GatewaySettings:
    return GatewaySettings(
        state_dir=options.state_dir.absolute(),
        host=options.host,
        port=options.port,
        unix=options.unix.absolute() if options.unix is not None else None,
        engine=options.engine,
        workers=max(options.workers, 1),
        metrics_port=options.metrics_port,
        metrics_host=options.metrics_host,
        auth=not options.no_auth,
        upstream_timeout=options.upstream_timeout,
        secrets_dir=options.secrets_dir,
        provider_url=options.provider_url,
        logs_url=options.logs_url,
        provider_secrets_dir=options.provider_secrets_dir,
        read_timeout=options.read_timeout,
        write_timeout=options.write_timeout,
        access_log=options.access_log,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        nats=options.nats,
        queue_lease=options.queue_lease,
        store_url=options.store_url,
        callback_hosts=frozenset(options.callback_hosts),
    )


def _provider(settings: GatewaySettings) -> Provider:
    """What runs the functions. Raises Invalid."""
    if not settings.provider_url:
        return ENGINES[settings.engine](settings.state_dir)
    from faas_runtime.providers.remote import RemoteProvider

    folder = settings.provider_secrets_dir or settings.secrets_dir
    account = read_account(folder) if folder is not None else Account("", "")
    return RemoteProvider(settings.provider_url, account.user, account.password, settings.logs_url)


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
