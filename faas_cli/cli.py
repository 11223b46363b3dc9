"""The root command. Commands are found by name and imported only when they are called.

Start-up is a feature: this module imports click and little else, so the one-line help of
every command is written here and not read from its module.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from faas_cli.console import Console, discard_output, open_closed_streams
from faas_cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSED, FaasError

COMMANDS = {
    "auth": "Sign in to a gateway with an identity provider",
    "build": "Build the functions of a stack into images",
    "chart": "Write a Helm chart into plain files",
    "ci": "Write a pipeline for a hosted service",
    "completion": "Print the completion script of a shell",
    "config": "Explain where values come from",
    "deploy": "Deploy functions to a gateway",
    "describe": "Show everything about one function",
    "dev": "Build and deploy a stack again whenever it changes",
    "diff": "Compare a stack file with what is deployed",
    "doctor": "Show what is installed, what is wrong and how to mend it",
    "gateway": "Start and stop the gateway of this machine",
    "generate": "Write Kubernetes, Knative or Docker resources of a stack",
    "invoke": "Call a function with what comes in on standard input",
    "list": "List the functions of a gateway",
    "local-run": "Build a function and run it in the foreground",
    "login": "Save the credentials of a gateway",
    "logout": "Forget the credentials of a gateway",
    "logs": "Show what a function prints",
    "mcp": "Let a programming agent work with functions",
    "namespace": "Manage the namespaces of a gateway",
    "new": "Make a new function from a template",
    "plugin": "Show and fetch plugins",
    "provider": "Run functions for a gateway elsewhere",
    "queue": "Look after asynchronous calls",
    "publish": "Build for several platforms and push",
    "push": "Push the images of a stack to their registries",
    "ready": "Wait until a gateway or a function is ready",
    "registry-login": "Write the credentials of a registry",
    "remove": "Remove functions from a gateway",
    "rollback": "Bring an earlier version of a function back",
    "scale": "Set the number of replicas of a function",
    "schema": "Print the JSON Schema of the stack file or of an output",
    "secret": "Manage the secrets of a gateway",
    "store": "Find and deploy functions of a store",
    "template": "Fetch templates from repositories and the store",
    "traffic": "Divide the calls of a function between two versions",
    "up": "Build and deploy in one step",
    "validate": "Check a stack file",
    "version": "Show the versions of this tool and the gateway",
}
# What the system answers when stdout has no reader, no disk or no terminal behind it.
_OUTPUT_FAILURES = (errno.EPIPE, errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_HIDDEN = frozenset({"bashcompletion", "manpages", "namespaces", "print-token"})
"""Commands that scripts may still use, in no list."""
_GLOBAL_FLAGS = frozenset({"-f", "--yaml", "--filter", "--regex"})
ALIASES = {"delete": "remove", "rm": "remove", "ls": "list", "ns": "namespace"}


class RootGroup(click.Group):
    """Finds commands by name in `faas_cli.commands`."""

    aliases = ALIASES

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command; None when there is no such command."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS and name not in _HIDDEN:
            return _plugin(name)
        from importlib import import_module

        module = import_module(f"faas_cli.commands.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names when there is no such command."""
        name = args[0]
        if name == "help":
            return self._help_command(ctx, args)
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, [*COMMANDS, *ALIASES], n=3, cutoff=0.6)
            meant = f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "`faas --help` lists them"
            raise click.UsageError(f"there is no command `{name}`; {meant}", ctx)
        return super().resolve_command(ctx, args)

    def _help_command(self, ctx: click.Context, args: list[str]) -> tuple[str, click.Command, list[str]]:
        command = self.get_command(ctx, args[1]) if len(args) > 1 else self
        return args[1] if command is not None and len(args) > 1 else args[0], command or self, ["--help"]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names of commands and plugins, without importing any command."""
        from click.shell_completion import CompletionItem

        from faas_cli.plugins.find import installed

        offered = {**dict.fromkeys(installed(), "A plugin"), **COMMANDS}
        return [CompletionItem(name, help=offered[name]) for name in sorted(offered) if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _plugin(name: str) -> click.Command | None:
    from faas_cli.plugins.find import find_plugin, plugin_command

    path = find_plugin(name)
    return plugin_command(name, path) if path is not None else None


@click.group(cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
def root() -> None:
    """Write functions, build them into images, run them anywhere.

    \b
    faas gateway start           run functions on this machine
    faas new --lang go hello     make a function
    faas up                      build and deploy it
    faas invoke hello            call it
    """


def main() -> None:
    """Entry point of `faas` and `faas-cli`. Never shows a traceback for what a user can cause."""
    open_closed_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code: a failure, too, when its output could not be written."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except OSError as err:
        discard_output()
        # The reader has gone (`faas list | head`), or stdout was closed from the start: there is nobody to tell.
        if err.errno not in (errno.EPIPE, errno.EBADF):
            Console().error(f"the output cannot be written: {_lower(err.strerror or str(err))}")
        return EXIT_FAILED


def _run(arguments: list[str]) -> int:
    console = Console()
    try:
        result: Any = root.main(_globals_behind(arguments), prog_name="faas", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except FaasError as err:
        console.error(err.message, err.hint, err.detail)
        return err.exit_code
    except click.exceptions.NoArgsIsHelpError as err:
        console.data(err.format_message())
        return 0
    except click.UsageError as err:
        console.error(
            _lower(err.format_message()), f"`{err.ctx.command_path} --help` shows the flags" if err.ctx else ""
        )
        return EXIT_MISUSED
    except click.Abort:
        return _interrupted()
    except click.ClickException as err:
        console.error(_lower(err.format_message()))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as err:
        if isinstance(err, OSError) and not err.filename and err.errno in _OUTPUT_FAILURES:
            raise
        if os.environ.get("FAAS_DEBUG") == "1":
            raise
        if isinstance(err, OSError) and err.filename and err.strerror:
            # A full disk, a folder without permission: the system's own words are the reason.
            console.error(f"`{err.filename}`: {_lower(err.strerror)}")
            return EXIT_FAILED
        console.error(f"this should not have happened: {type(err).__name__}: {err}", "FAAS_DEBUG=1 shows where")
        return EXIT_FAILED


def _globals_behind(arguments: list[str]) -> list[str]:
    """The arguments with the global flags in front of the command (`faas -f my.yml build`) moved behind it."""
    rest, moved = list(arguments), list[str]()
    while rest:
        name, equals, _ = rest[0].partition("=")
        if name not in _GLOBAL_FLAGS:
            break
        size = 1 if equals else 2
        moved += rest[:size]
        rest = rest[size:]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *moved, *rest[end:]]


def _interrupted() -> int:
    sys.stderr.write("\n")
    return EXIT_INTERRUPTED


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
