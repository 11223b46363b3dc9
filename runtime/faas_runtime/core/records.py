"""Reading the JSON files of a state directory: a damaged one is set aside and reported, and everything else goes on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

import msgspec

from faas_runtime.core.files import quarantine

log = logging.getLogger("faas.files")

T = TypeVar("T")
_MAX_REPORTED = 20
_damage: list[str] = []


def read_record(path: Path, kind: type[T], what: str) -> T | None:
    """The content of a file; None where there is none, or none that is usable.

    A file that is not valid is renamed to `NAME.damaged-TIME`; `what` names its content in the report.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        _report(f"{what}: `{path}` cannot be read: {error.strerror}")
    except msgspec.MsgspecError as error:
        report_damage(path, what, error)
    return None


def report_damage(path: Path, what: str, error: Exception) -> None:
    """Set a damaged file aside and report it."""
    try:
        kept = f"is kept as `{quarantine(path).name}`"
    except OSError as failure:
        kept = f"cannot be renamed: {failure.strerror}"
    _report(f"{what}: `{path}` is damaged ({error}) and {kept}")


def damage() -> str:
    """What was found to be damaged since this process started; empty where nothing was."""
    return "; ".join(_damage)


def _report(text: str) -> None:
    if text not in _damage:
        log.error("%s", text)
        if len(_damage) < _MAX_REPORTED:
            _damage.append(text)
