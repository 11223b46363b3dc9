"""What Ctrl-C must end and remove: child processes, transfers and temporary folders that belong to threads.

Python interrupts only the main thread. What runs in another one registers here how it is ended.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_HOOKS: dict[object, Callable[[], object]] = {}


@contextlib.contextmanager
def on_interrupt(hook: Callable[[], object]) -> Iterator[None]:
    """Call `hook` if the program is interrupted during the block, perhaps twice, from another thread."""
    key = object()
    _HOOKS[key] = hook
    try:
        yield
    finally:
        _HOOKS.pop(key, None)


def end_everything() -> None:
    """Call the hooks of all blocks that are still active, the latest first."""
    for hook in reversed(list(_HOOKS.values())):
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            hook()


@contextlib.contextmanager
def scratch_folder(prefix: str = "faas-", parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder in `parent` (the system's by default), removed in any case. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    with on_interrupt(lambda: shutil.rmtree(folder, ignore_errors=True)):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def run_child(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run` with the output captured as text; the process ends with an interrupted program."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process, on_interrupt(process.kill):  # fmt: skip
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)
