"""Clearing up after earlier gateways: processes of one that was killed, files of images nobody runs any more."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from faas_runtime.providers.process.processes import ProcessMark, kill_leftover
from faas_runtime.providers.process.replica import MARK_FILE

log = logging.getLogger("faas.process")


def clear_leftovers(replicas: Path) -> None:
    """End every process that a replica folder tells of, and delete the folders. Blocking."""
    for path in replicas.glob(f"*/{MARK_FILE}"):
        try:
            mark = msgspec.json.decode(path.read_bytes(), type=ProcessMark)
        except (OSError, msgspec.MsgspecError):
            continue
        if kill_leftover(mark):
            log.info("ended replica %s of an earlier run", path.parent.name)
    shutil.rmtree(replicas, ignore_errors=True)


def clear_unused(rootfs: Path, digests: Iterable[str]) -> None:
    """Delete the unpacked images that none of these digests stands for. Blocking."""
    used = {digest.partition(":")[2] for digest in digests}
    for folder in rootfs.glob("*"):
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)
