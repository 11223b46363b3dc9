"""Where the values of settings come from: a flag, else the environment, else a file, else the default.

    configuration = configure(GATEWAY, {"port": 9000}, os.environ)
    configuration["port"]       Chosen(value=9000, source="flag", origin="--port")
    configuration.settings()    the GatewaySettings

The file is TOML without tables: `idle_timeout = "30s"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from faas_runtime.core.addresses import is_loopback, without_password
from faas_runtime.core.errors import Invalid
from faas_runtime.core.paths import default_state_dir
from faas_runtime.core.settings import (
    FILE,
    FOLDER,
    SWITCH,
    URL,
    GatewaySettings,
    Role,
    Setting,
)

SECRETS_DIR = Path("/run/secrets")
"""Where the account is read from when `basic_auth` is `true` and no folder is given."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The value of a setting and where it came from; `origin` is the flag, the variable, or the file and line."""

    value: Any
    source: Literal["flag", "environment", "file", "default"] = "default"
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedSettings:
    """Every setting of a gateway or a provider by name, with its value and where that came from."""

    role: Role
    chosen: Mapping[str, Chosen]

    def __getitem__(self, name: str) -> Chosen:
        return self.chosen[name]

    def settings(self) -> GatewaySettings:
        """The values as one frozen object; what the role has not got keeps its default."""
        return GatewaySettings(**{name: each.value for name, each in self.chosen.items()})

    def report(self) -> list[dict[str, Any]]:
        """Name, value, source and origin of each, values as JSON and TOML write them. Passwords are left out."""
        return [
            {
                "name": name,
                "value": _plain(setting, self[name].value),
                "source": self[name].source,
                "origin": self[name].origin,
            }
            for name, setting in self.role.settings.items()
        ]

    def refuse_open(self, *, confirmed: bool) -> None:
        """Raises Invalid where everybody who reaches this machine could run programs on it.

        That is a non-loopback address without authentication, unless `confirmed` or set by the contract's
        `basic_auth`.
        """
        host, auth = self["host"].value, self["auth"]
        if auth.value or confirmed or auth.origin == "basic_auth" or is_loopback(host):
            return
        raise Invalid(
            f"without authentication (`{auth.origin}`) on `{host}` everybody who can reach this machine could run "
            "programs on it; give `--no-auth` twice if that is what you want"
        )


def configure(role: Role, given: Mapping[str, Any], variables: Mapping[str, str]) -> ResolvedSettings:
    """Every setting's value, `given` holding those of flags.

    Raises Invalid, naming flag, variable or file and line: a value of the wrong type, an unknown key, a file that
    cannot be read. A variable of the OpenFaaS contract that cannot be read is ignored, as the contract says.
    """
    chosen = {
        name: Chosen(setting.default, "default") if name not in given else Chosen(given[name], "flag", setting.flag)
        for name, setting in role.settings.items()
    }
    by_variable = {
        name: found
        for name, setting in role.settings.items()
        if name not in given and (found := _of_variables(setting, variables)) is not None
    }
    chosen |= by_variable
    if chosen["state_dir"].value is None:
        chosen["state_dir"] = Chosen(default_state_dir())
    from_file = _of_file(role, chosen["config"].value, chosen["state_dir"].value / role.file)
    chosen |= {name: found for name, found in from_file if chosen[name].source == "default"}
    if variables.get("basic_auth") == "true" and chosen["secrets_dir"].source == "default":
        chosen["secrets_dir"] = Chosen(SECRETS_DIR, "environment", "basic_auth")
    return ResolvedSettings(role, chosen)


def _of_variables(setting: Setting, variables: Mapping[str, str]) -> Chosen | None:
    text = variables.get(setting.variable)
    if text or (text is not None and setting.empty):
        with _explained(f"environment variable `{setting.variable}`"):
            return Chosen(setting.read(text), "environment", setting.variable)
    text = variables.get(setting.contract) if setting.contract else None
    if text or (text is not None and setting.empty):
        return _of_contract(setting, text)
    return None


def _of_contract(setting: Setting, text: str) -> Chosen | None:
    if setting.contract == "basic_auth":
        # Only a clear `false` opens the control API to everybody.
        return Chosen(text.strip().lower() != "false", "environment", setting.contract)
    try:
        return Chosen(setting.read(text), "environment", setting.contract)
    except ValueError:
        return None


def _of_file(role: Role, named: Path | None, usual: Path) -> Iterator[tuple[str, Chosen]]:
    """The settings of the file that was named, else of the usual one if there is one."""
    import tomllib

    path = named or usual
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except OSError as err:
        if named is None and isinstance(err, FileNotFoundError):
            return
        raise Invalid(f"`{path}` cannot be read: {err.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise Invalid(f"`{path}` is not TOML: {err}") from None
    for key, value in found.items():
        place = f"{path}:{_line_of(text, key)}"
        setting = role.settings.get(key)
        if setting is None or not setting.in_file:
            raise Invalid(f"{place}: {_unknown(role, key, value)}")
        with _explained(f"{place}: setting `{key}`"):
            yield key, Chosen(_of_toml(setting, value, path.parent), "file", place)


def _of_toml(setting: Setting, value: Any, folder: Path) -> Any:
    kind = setting.kind
    items: list[Any] = value if kind.many and isinstance(value, list) else []
    right = isinstance(value, kind.toml) and all(isinstance(item, str) for item in items)
    # `true` is an `int` in Python, not in TOML.
    if not right or (isinstance(value, bool) and bool not in kind.toml):
        raise ValueError(f"must be {kind.name}")
    if kind.many:
        return tuple(kind.read(item) for item in items)
    if isinstance(value, bool):
        return value
    if kind in (FILE, FOLDER) and value:
        return folder.absolute() / Path(value).expanduser()
    return kind.read(str(value))


def _plain(setting: Setting, value: Any) -> Any:
    if setting.kind is URL:
        return without_password(value)
    if setting.kind.many:
        return list(value)
    if value is None or setting.kind is SWITCH or setting.kind.toml == (int,):
        return value
    return setting.kind.write(value)


def _unknown(role: Role, key: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"unknown table `{key}`; the file has keys only, no tables"
    if key in role.settings:
        return f"`{key}` cannot be set in this file; use `{role.settings[key].flag}`"
    from difflib import get_close_matches

    near = get_close_matches(key, [name for name, setting in role.settings.items() if setting.in_file], 1)
    return f"unknown setting `{key}`" + (f"; did you mean `{near[0]}`?" if near else "")


def _line_of(text: str, key: str) -> int:
    """The line of a key at the top level, 1 where it cannot be found."""
    match = re.search(rf"""^[ \t]*(?:\[+[ \t]*)?["']?{re.escape(key)}["']?[ \t]*[].=]""", text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 1


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except ValueError as err:
        raise Invalid(f"{where}: {err}") from None
