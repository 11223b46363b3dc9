"""What the gateway of this machine prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from faas_cli.errors import FaasError

_REASON = "faas-gateway: "


def log_path(state_dir: Path) -> Path:
    """Where it is written to."""
    return state_dir / "gateway.log"


def log_size(state_dir: Path) -> int:
    """How much there is."""
    path = log_path(state_dir)
    return path.stat().st_size if path.exists() else 0


def lines_since(state_dir: Path, began: int) -> list[str]:
    """The lines from a size the log once had."""
    try:
        with log_path(state_dir).open("rb") as log:
            log.seek(began)
            return log.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def reason_since(state_dir: Path, began: int) -> str:
    """Why a gateway that printed what is there from then on could not start; empty where it does not say."""
    said = [line for line in lines_since(state_dir, began) if line.startswith(_REASON)]
    return said[-1].removeprefix(_REASON) if said else ""


def log_lines(state_dir: Path, last: int, follow: bool) -> Iterator[str]:
    """The last lines; with `follow` also what comes. Raises FaasError when there is no log."""
    path = log_path(state_dir)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
            yield from (line.rstrip("\n") for line in lines[len(lines) - min(last, len(lines)) :])
            while follow:
                line = file.readline()
                if line:
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.2)
    except FileNotFoundError:
        raise FaasError(f"there is no log at `{path}`", hint="start a gateway with `faas gateway start`") from None
