"""Write docs/reference/settings.md: every setting of a gateway, from the declaration that options are made from.

python scripts/settings_page.py
"""

from __future__ import annotations

from pathlib import Path

from faas_runtime.core.settings import GATEWAY, PROVIDER, SECTIONS, Setting

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"

_INTRODUCTION = """\
<!-- Written by `make docs` from faas_runtime/core/settings.py. -->
# Settings of the gateway

This page lists every setting of `faas gateway start`, `faas gateway run` and `faas provider serve`. You can give a
setting as a flag, as an environment variable, or in the file `gateway.toml` of the state directory (another one with
`--config FILE`; a standalone provider reads `provider.toml`). A flag comes first, then the environment, then the
file, then the default.

```toml
# gateway.toml
port = 8080
idle_timeout = "30s"
trusted_proxies = ["10.0.0.0/8"]
```

`faas gateway config` prints each value and where it came from:

```console
$ faas gateway config --port 9000 | head -2
host                         127.0.0.1                                 default
port                         9000                                      flag --port
```

- A **duration** is `500ms`, `30s`, `1m30s` or `24h`; a bare number counts as seconds.
- A **size** is a number of bytes, or `64Ki`, `1Mi`.
- A **list** is an array in the file. Repeat the flag for each item; in a variable, separate the items by commas.
- A **relative path** in the file starts at the file's folder.
- An unknown key or a value of the wrong type stops the start with one line that names the file, the line and the key.
- `faas gateway restart` keeps the flags of the running gateway and reads the file again.

The variables without the prefix `FAAS_` are those of the OpenFaaS gateway. As there, a value that cannot be read is
ignored; in the variables with the prefix it is an error. `basic_auth` turns authentication off only when it is exactly
`false`; when it is `true` and no folder is given, the account is read from `/run/secrets`.
"""


_HEAD = "| Setting | Value | Default | Flag, variables | |\n| --- | --- | --- | --- | --- |\n"


def page() -> str:
    """The page's text."""
    parts = [_INTRODUCTION]
    for section in SECTIONS:
        rows = [_row(setting) for setting in GATEWAY.settings.values() if setting.section == section]
        parts.append(f"## {section}\n\n{_HEAD}{''.join(rows)}")
    names = ", ".join(f"`{name}`" for name in PROVIDER.settings)
    parts.append(
        f"## A standalone provider\n\n`faas provider serve` has these of them: {names}. "
        f"The default of `port` is {PROVIDER.settings['port'].default}.\n"
    )
    return "\n".join(parts)


def _row(setting: Setting) -> str:
    default = setting.default_text or (f"`{text}`" if (text := setting.write(setting.default)) else "")
    words = [setting.flag, setting.variable, setting.contract]
    named = ", ".join(f"`{word}`" for word in words if word)
    value = setting.kind.name.removeprefix("a ")
    return f"| `{setting.name}` | {value} | {default} | {named} | {setting.help} |\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
