"""Clearing up after earlier gateways: processes of one that was killed, files of images nobody runs any more."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from faas_runtime.providers.process.processes import ProcessMark, kill_sessions
from faas_runtime.providers.process.replica import MARK_FILE

log = logging.getLogger("faas.process")


def clear_leftovers(replicas: Path) -> None:
    """End every process that a replica folder tells of, and delete the folders. Blocking.

    Those of a gateway that lives are left alone: it is handing over to this one, and ends them itself.
    """
    for folder in replicas.glob("*"):
        mark = _mark(folder)
        if mark is not None and mark.owner is not None and mark.owner.lives():
            continue
        if mark is not None and kill_sessions([mark]):
            log.info("ended replica %s of an earlier run", folder.name)
        shutil.rmtree(folder, ignore_errors=True)


def _mark(folder: Path) -> ProcessMark | None:
    try:
        return msgspec.json.decode((folder / MARK_FILE).read_bytes(), type=ProcessMark)
    except (OSError, msgspec.MsgspecError):
        return None


def clear_unused(rootfs: Path, digests: Iterable[str]) -> None:
    """Delete the unpacked images that none of these digests stands for. Blocking."""
    used = {digest.partition(":")[2] for digest in digests}
    for folder in rootfs.glob("*"):
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)
