"""The settings of a gateway, and of a standalone provider, as options of a command."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from faas_cli.errors import FaasError, UsageError
from faas_cli.options.syntax import Decorated, gathered
from faas_runtime.core.configuration import ResolvedSettings, configure
from faas_runtime.core.errors import Invalid
from faas_runtime.core.settings import FILE, FOLDER, SWITCH, Role, Setting, arguments


@dataclass(frozen=True, slots=True)
class GivenSettings:
    """The settings of a role that flags give a value, and whether `--no-auth` was given twice."""

    role: Role
    given: Mapping[str, Any]
    confirmed: bool = False

    def configured(self) -> Configured:
        """The whole configuration with them. Raises FaasError for a file or a variable that is wrong."""
        try:
            configuration = configure(self.role, self.given, os.environ)
        except Invalid as err:
            raise _explained(FaasError, err) from None
        try:
            configuration.refuse_open(confirmed=self.confirmed)
        except Invalid as err:
            raise _explained(UsageError, err) from None
        return Configured(self.given, configuration)


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings that flags give a value, and the whole configuration with them."""

    given: Mapping[str, Any]
    configuration: ResolvedSettings

    @property
    def state_dir(self) -> Path:
        """The state directory."""
        path: Path = self.configuration["state_dir"].value
        return path

    def arguments(self) -> list[str]:
        """The flags for the runtime, which reads environment and file by itself."""
        return arguments({"state_dir": self.state_dir, **self.given}, self.configuration.role)


class _Value(click.ParamType):  # type: ignore[type-arg]
    """A setting's value; relative paths become absolute, for the gateway may run in another folder."""

    def __init__(self, setting: Setting) -> None:
        self.name = setting.kind.metavar
        self._kind = setting.kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or click's failure naming the flag."""
        try:
            return self._kind.read(value) if isinstance(value, str) else value
        except ValueError as err:
            self.fail(str(err), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Choices, files or folders."""
        if self._kind in (FILE, FOLDER):
            return [CompletionItem(incomplete, type="file" if self._kind is FILE else "dir")]
        return [CompletionItem(choice) for choice in self._kind.choices if choice.startswith(incomplete)]


class SettingOption(click.Option):
    """An option made from a setting; None when it is not given."""

    def __init__(self, param_decls: Any = None, *, setting: Setting, default: bool) -> None:
        text = setting.flag_help or setting.help
        text += " May be repeated." if setting.kind.many else ""
        shown = setting.default_text or setting.write(setting.default)
        if setting.kind is SWITCH:
            super().__init__([setting.flag, setting.name], count=True, help=text)
        else:
            super().__init__(
                [setting.flag, setting.name],
                type=_Value(setting),
                default=None,
                multiple=setting.kind.many,
                metavar=setting.kind.metavar,
                help=f"{text} [default: {shown}]" if default and shown else text,
            )
        self.section = setting.section


def setting_options(role: Role, *names: str, defaults: bool = True) -> Callable[[Decorated], Decorated]:
    """Options for these settings of a role, all of them when none is named; the command receives `settings`.

    `defaults` shows in the help what a setting is when its flag is not given.
    """
    options = [
        click.option(cls=SettingOption, setting=role.settings[name], default=defaults)
        for name in names or role.settings
    ]
    return gathered("settings", lambda **values: _given(role, values), *options)


def _given(role: Role, values: Mapping[str, Any]) -> GivenSettings:
    given = {}
    for name, value in values.items():
        switch = role.settings[name].kind is SWITCH  # its value is how often the flag was given
        if value if switch else value not in (None, ()):
            given[name] = not role.settings[name].default if switch else value
    return GivenSettings(role, given, confirmed=values.get("auth", 0) > 1)


def _explained(kind: type[FaasError], err: Invalid) -> FaasError:
    message, _, hint = str(err).partition("; ")
    return kind(message, hint=hint)
