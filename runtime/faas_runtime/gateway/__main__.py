"""`python -m faas_runtime.gateway run`: a gateway in the foreground; `provide`: a standalone provider.

Exit codes: 0 stopped by a signal, 1 could not start (the last line on stderr says why), 2 misused.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from faas_runtime.core.configuration import configure
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.core.settings import GATEWAY, PROVIDER, SWITCH, GatewaySettings, Role, Setting
from faas_runtime.gateway.app import GatewayApp, ProviderApp
from faas_runtime.gateway.auth.accounts import Account, read_account
from faas_runtime.gateway.listeners.bind import PortInUse
from faas_runtime.gateway.listeners.handover import HandoverFailed, Predecessor
from faas_runtime.gateway.run import GatewayServer, ProviderServer, serve
from faas_runtime.gateway.state import AlreadyRunning, StateDir
from faas_runtime.providers.base import Provider
from faas_runtime.providers.engines import ENGINES, remote_provider

PREFIX = "faas-gateway: "
"""Begins the line that says why the gateway could not start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    role, given = _parsed(words)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s"
    )
    try:
        configuration = configure(role, given, os.environ)
        # `faas gateway` has asked for the flag twice.
        configuration.refuse_open(confirmed=configuration["auth"].source == "flag")
        settings = configuration.settings()
        state = StateDir(settings.state_dir)
        predecessor = Predecessor.of_environment()
        if predecessor is None:
            state.acquire()
        try:
            provider = _provider(settings)
            if role is PROVIDER:
                _run(serve(ProviderServer(ProviderApp(configuration, state, provider))))
            else:
                app = GatewayApp(configuration, state, provider)
                if predecessor is not None:
                    predecessor.wait_for_go()
                    state.adopt(predecessor.lock)
                _run(serve(GatewayServer(app, words, predecessor)))
        finally:
            state.release()
    except (AlreadyRunning, HandoverFailed, PortInUse, RuntimeFault) as err:
        return _failed(str(err))
    except OSError as err:
        return _failed(f"cannot start: {err}")
    return 0


def _parsed(words: Sequence[str]) -> tuple[Role, dict[str, Any]]:
    """What is to be started, and the values of the flags. Exits with 2 when misused."""
    parser = argparse.ArgumentParser(prog="python -m faas_runtime.gateway")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    run = commands.add_parser("run", help="run a gateway until SIGTERM")
    provide = commands.add_parser("provide", help="serve a standalone provider until SIGTERM, for a gateway elsewhere")
    for command, role in ((run, GATEWAY), (provide, PROVIDER)):
        for setting in role.settings.values():
            _add(command, setting)
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(parser.parse_args(words)).items()
    }
    return PROVIDER if given.pop("command") == "provide" else GATEWAY, given


def _add(parser: argparse.ArgumentParser, setting: Setting) -> None:
    more: dict[str, Any] = {"dest": setting.name, "default": argparse.SUPPRESS}
    if setting.kind is SWITCH:
        more |= {"action": "store_const", "const": not setting.default}
    else:
        more |= {"type": _typed(setting), "metavar": setting.kind.metavar}
    if setting.kind.many:
        more["action"] = "append"
    parser.add_argument(setting.flag, help=setting.flag_help or setting.help, **more)


def _typed(setting: Setting) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return setting.kind.read(text)
        except ValueError as err:
            raise argparse.ArgumentTypeError(str(err)) from None

    return read


def _provider(settings: GatewaySettings) -> Provider:
    """What runs the functions. Raises Invalid."""
    if not settings.provider_url:
        return ENGINES[settings.engine](settings)
    folder = settings.provider_secrets_dir or settings.secrets_dir
    account = read_account(folder) if folder is not None else Account("", "")
    return remote_provider(settings.provider_url, account.user, account.password, settings.logs_url)


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
