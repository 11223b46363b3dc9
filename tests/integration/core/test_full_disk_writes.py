"""File writes on a disk that is full at any point, and credential files that must never end up empty."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faas_cli.registry.auth import write_registry_config
from faas_runtime.core import files
from faas_runtime.core.errors import Invalid
from faas_runtime.core.files import write_file
from faas_runtime.core.reserve import RESERVE_FILE, Reserve
from faas_runtime.gateway.auth.accounts import read_account
from faas_runtime.gateway.state import PASSWORD_FILE, StateDir

ROOT = Path(__file__).resolve().parents[3]
_STEPS = ("open", "fdopen", "fchmod", "fsync")


class FullDisk:
    """Fails the n-th system call of a write with ENOSPC; `calls` counts them."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def step(self, real: Callable[..., object]) -> Callable[..., object]:
        """`real`, which fails when its turn comes."""

        def call(*given: object, **more: object) -> object:
            self.calls += 1
            if self.calls == self.at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*given, **more)

        return call


@contextmanager
def full_disk(at: int) -> Iterator[FullDisk]:
    """The disk is full at the n-th step of `core/files.py`; 0 means never."""
    disk = FullDisk(at)
    with pytest.MonkeyPatch.context() as patch:
        for name in _STEPS:
            patch.setattr(os, name, disk.step(getattr(os, name)))
        patch.setattr(Path, "rename", disk.step(Path.rename))
        patch.setattr(Path, "mkdir", disk.step(Path.mkdir))
        yield disk


def steps_of(write: Callable[[], object]) -> int:
    """How many steps a write has."""
    with full_disk(0) as disk:
        write()
    return disk.calls


def test_a_write_that_fails_at_any_step_leaves_the_old_content(tmp_path: Path) -> None:
    """Old content or new, and no temporary file, wherever the disk is full."""
    path = tmp_path / "folder" / "secret"
    steps = steps_of(lambda: write_file(path, "old", mode=0o600))
    assert steps > 5
    for at in range(1, steps + 1):
        # The last steps are those of folders, which exist by now: the write may succeed.
        with full_disk(at), contextlib.suppress(OSError):
            write_file(path, "new", mode=0o600)
        assert path.read_text() in ("old", "new"), at
        assert [each.name for each in path.parent.iterdir()] == ["secret"], at
        path.write_text("old")


@pytest.mark.parametrize("what", ["password", "registry"])
def test_a_credential_file_is_whole_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A first start, or a login, on a full disk leaves no empty file; the next try works."""

    def write() -> object:
        if what == "password":
            return StateDir(Path.cwd()).password()
        return write_registry_config({"auths": {"r.example": {"auth": "eA=="}}})

    file = Path(PASSWORD_FILE if what == "password" else "credentials/config.json")
    folders = iter(range(1000))

    def fresh() -> None:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        monkeypatch.chdir(folder)

    fresh()
    for at in range(1, steps_of(write) + 1):
        fresh()
        with full_disk(at), pytest.raises(OSError, match="No space left"):
            write()
        assert not file.exists() or file.stat().st_size > 5, at
        write()
        assert file.stat().st_size > 5
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\n"])
def test_an_empty_password_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty password would be one that everybody knows: the gateway does not start with it."""
    (tmp_path / PASSWORD_FILE).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(tmp_path), "--port", "0"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"faas-gateway: `{tmp_path / PASSWORD_FILE}` is empty; ")
    assert "Traceback" not in done.stderr
    (tmp_path / "basic-auth-user").write_text("admin")
    with pytest.raises(Invalid, match="is empty"):
        read_account(tmp_path)


def test_a_state_folder_that_something_else_made_is_closed_to_other_users(tmp_path: Path) -> None:
    """A build stores images there before the first start, with the user's umask."""
    for before, after in ((0o755, 0o700), (0o777, 0o700), (0o750, 0o750), (0o700, 0o700)):
        tmp_path.chmod(before)
        state = StateDir(tmp_path)
        state.acquire()
        state.release()
        assert stat.S_IMODE(tmp_path.stat().st_mode) == after


def test_the_reserve_is_used_once_and_taken_again(tmp_path: Path) -> None:
    """A write on a full disk is made again when the reserve has made room."""
    reserve = Reserve(tmp_path, 1 << 20, 1 << 16)
    files.use_reserve(reserve.release)
    try:
        reserve.hold()
        assert (tmp_path / RESERVE_FILE).stat().st_size == 1 << 16
        with full_disk(3):
            write_file(tmp_path / "file", "content")
        assert (tmp_path / "file").read_text() == "content"
        assert not (tmp_path / RESERVE_FILE).exists()
        with full_disk(3), pytest.raises(OSError, match="No space left"):
            write_file(tmp_path / "file", "more")
        reserve.hold()
        assert (tmp_path / RESERVE_FILE).exists()
    finally:
        files.use_reserve(None)
