"""The root command. Commands are found by name and imported only when they are called.

Start-up time matters: this module imports click and little else, so the one-line help of
every command is here and not in its module.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from faas_cli.console import Console, discard_output, open_closed_streams
from faas_cli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_MISUSED, FaasError
from faas_cli.options.syntax import verbose_option

SECTIONS = {
    "Start": {
        "new": "Create a function from a template",
        "gateway": "Start, stop and install a gateway",
        "login": "Save the credentials of a gateway",
        "store": "Find and deploy functions from a store",
        "doctor": "Check this machine and suggest fixes",
    },
    "Build": {
        "build": "Build images of the functions in a stack",
        "dev": "Rebuild and redeploy on every change",
        "local-run": "Build one function and run it in the foreground",
        "template": "Fetch, create and test templates",
        "validate": "Check a stack file",
    },
    "Ship": {
        "up": "Build, push and deploy in one step",
        "push": "Push images to their registries",
        "publish": "Build for several platforms and push",
        "deploy": "Deploy functions to a gateway",
        "diff": "Compare a stack file with what is deployed",
        "generate": "Print Kubernetes, Knative or Docker manifests",
        "chart": "Render a Helm chart into files",
        "ci": "Write a CI pipeline",
        "registry-login": "Write the credentials of a registry",
    },
    "Run": {
        "invoke": "Call a function with standard input",
        "list": "List functions",
        "describe": "Show one function in detail",
        "logs": "Print and follow the log of a function",
        "ready": "Wait until a gateway or function is ready",
        "scale": "Set the number of replicas of a function",
        "remove": "Remove functions",
    },
    "Operate": {
        "secret": "Manage secrets",
        "namespace": "Manage namespaces",
        "queue": "Manage asynchronous calls",
        "rollback": "Restore an earlier version of a function",
        "traffic": "Split traffic between two versions",
        "auth": "Log in with an identity provider",
        "logout": "Delete the credentials of a gateway",
        "provider": "Run functions for a remote gateway",
        "config": "Show values and where they come from",
        "version": "Print versions of CLI, gateway and provider",
    },
    "Extend": {
        "plugin": "List and install plugins",
        "mcp": "Serve tools to AI agents (Model Context Protocol)",
        "schema": "Print the JSON Schema of stack files and outputs",
        "completion": "Print a shell completion script",
    },
}
"""The commands by task, each with its one-line help."""
COMMANDS = {name: text for section in SECTIONS.values() for name, text in section.items()}
# Errors of a write to stdout that has no reader, no disk or no terminal behind it.
_OUTPUT_FAILURES = (errno.EPIPE, errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_HIDDEN = frozenset({"bashcompletion", "manpages", "print-token"})
"""Commands that no list shows."""
_GLOBAL_FLAGS = {"-f": "--yaml", "--yaml": "--yaml", "--filter": "--filter", "--regex": "--regex"}
"""Flags with a value that may come before the command, and how the command is given them."""
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
        if name == "namespaces":  # the old name of `namespace list`
            group = self.get_command(ctx, "namespace")
            return group.get_command(ctx, "list") if isinstance(group, click.Group) else None
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
        if name == "help" and len(args) > 1:
            # `faas help GROUP COMMAND` as `faas GROUP COMMAND --help`.
            return self.resolve_command(ctx, [*args[1:], "--help"])
        if name == "help":
            ctx.ensure_object(Console).data(ctx.get_help())
            ctx.exit()
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from faas_cli.suggest import did_you_mean

            meant = did_you_mean(name, [*COMMANDS, *ALIASES]) or "`faas --help` lists them"
            raise click.UsageError(f"there is no command `{name}`; {meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C ends with one line and exit code 130, where click prints an empty line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console = ctx.ensure_object(Console)
            if console.err.isatty():
                console.info("")  # ends the line of the `^C` that the terminal shows
            console.interrupted()
            ctx.exit(EXIT_INTERRUPTED)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names of commands and plugins, without importing any command."""
        from click.shell_completion import CompletionItem

        from faas_cli.plugins.find import installed

        offered = {**dict.fromkeys(installed(), "A plugin"), **COMMANDS}
        return [CompletionItem(name, help=offered[name]) for name in sorted(offered) if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by task, without importing any."""
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", text) for name, text in commands.items()])


def _plugin(name: str) -> click.Command | None:
    from faas_cli.plugins.find import find_plugin, plugin_command

    path = find_plugin(name)
    return plugin_command(name, path) if path is not None else None


def _print_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        from faas_runtime import __version__

        ctx.ensure_object(Console).data(f"faas {__version__}")
        ctx.exit()


@click.group(
    cls=RootGroup,
    params=[
        verbose_option(["-v", "--verbose"]),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Print the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
def root() -> None:
    """Write functions, build them into images, run them anywhere.

    \b
    faas gateway start           run functions on this machine
    faas new --lang go hello     create a function
    faas up                      build and deploy it
    faas invoke hello            call it
    """


def main() -> None:
    """Entry point of `faas` and `faas-cli`. Errors that a user can cause never show a traceback."""
    open_closed_streams()
    code = run(sys.argv[1:])
    if code == EXIT_INTERRUPTED and "faas_cli.interrupt" in sys.modules:
        from faas_cli.interrupt import end_everything

        end_everything()
        # Without waiting for threads: one may be in a request to a server that is silent.
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code, 1 as well when its output cannot be written."""
    console = Console()
    try:
        code = _run(console, arguments)
        console.flush()
        return code
    except OSError as err:
        discard_output()
        # The reader has closed its end (`faas list | head`), or stdout was closed from the start: no message.
        if err.errno not in (errno.EPIPE, errno.EBADF):
            console.error(f"the output cannot be written: {_lower(err.strerror or str(err))}")
        return EXIT_FAILED


def _run(console: Console, arguments: list[str]) -> int:
    try:
        result: Any = root.main(_globals_behind(arguments), prog_name="faas", standalone_mode=False, obj=console)
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
        console.interrupted()
        return EXIT_INTERRUPTED
    except click.ClickException as err:
        console.error(_lower(err.format_message()))
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.interrupted()
        return EXIT_INTERRUPTED
    except Exception as err:
        if isinstance(err, OSError) and not err.filename and err.errno in _OUTPUT_FAILURES:
            raise
        if console.verbose:
            raise
        if isinstance(err, OSError) and err.filename and err.strerror:
            # A full disk, a folder without permission: the error of the operating system is the reason.
            console.error(f"`{err.filename}`: {_lower(err.strerror)}")
            return EXIT_FAILED
        console.error(f"internal error: {type(err).__name__}: {err}", "`--verbose` shows the traceback")
        return EXIT_FAILED


def _globals_behind(arguments: list[str]) -> list[str]:
    """The arguments with the global flags in front of the command (`faas -f my.yml build`) moved behind it."""
    front, rest, moved = list[str](), list(arguments), list[str]()
    while rest:
        name, equals, value = rest[0].partition("=")
        if name in ("-v", "--verbose"):
            front.append(rest.pop(0))
            continue
        if name not in _GLOBAL_FLAGS:
            break
        moved.append(f"{_GLOBAL_FLAGS[name]}{equals}{value}")
        moved += [] if equals else rest[1:2]
        rest = rest[1 if equals else 2 :]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*front, *rest[:end], *moved, *rest[end:]]


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
