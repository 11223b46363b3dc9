"""Atomic file writes: a reader, and a crash, see the old content or the new."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faas_runtime.core.files import locked, new_file, write_file


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask():
    """A umask that takes nothing away, as in some containers."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("durable", [True, False])
def test_content_is_replaced_and_nothing_else_is_left(tmp_path: Path, durable: bool) -> None:
    """Text and bytes; missing folders are made; no temporary file stays."""
    path = tmp_path / "a" / "b" / "file"
    write_file(path, "ä\n", durable=durable)
    assert path.read_bytes() == "ä\n".encode()
    write_file(path, b"\xff", durable=durable)
    assert path.read_bytes() == b"\xff"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_given_mode_holds_whatever_the_umask(tmp_path: Path) -> None:
    """0o444 stays readable by everybody, and 0o600 by its owner only."""
    write_file(tmp_path / "open", b"", mode=0o444)
    write_file(tmp_path / "private", b"", mode=0o600)
    assert (_mode(tmp_path / "open"), _mode(tmp_path / "private")) == (0o444, 0o600)


@pytest.mark.usefixtures("open_umask")
def test_folders_of_private_files_are_private(tmp_path: Path) -> None:
    """Also with an open umask; the folder of any other file follows the umask."""
    write_file(tmp_path / "secrets" / "key", b"", mode=0o600)
    write_file(tmp_path / "cache" / "entry", b"")
    assert (_mode(tmp_path / "secrets"), _mode(tmp_path / "cache")) == (0o700, 0o777)


def test_the_present_mode_stays(tmp_path: Path) -> None:
    """Without a mode, a user's script stays executable and a private file private."""
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o750)
    write_file(path, "new")
    assert (_mode(path), path.read_text()) == (0o750, "new")


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is replaced, as with files kept in a repository of settings."""
    target, link = tmp_path / "kept" / "config", tmp_path / "config"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """The temporary file is removed, also where nothing was published."""
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_file(tmp_path / "file", "\ud800")
    with new_file(tmp_path) as new:
        new.stream.write(b"never published")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_the_temporary_file_is_never_more_open_than_the_final_one(tmp_path: Path) -> None:
    """A secret can be read by nobody else, from the first byte on."""
    with new_file(tmp_path, mode=0o600) as new:
        (made,) = tmp_path.iterdir()
        assert _mode(made) == 0o600
        new.publish(tmp_path / "secret")
    assert _mode(tmp_path / "secret") == 0o600


def test_readers_see_whole_contents_only(tmp_path: Path) -> None:
    """While another process replaces the file again and again."""
    path = tmp_path / "file"
    write_file(path, b"a" * 100_000)
    script = (
        "import sys; from pathlib import Path; from faas_runtime.core.files import write_file\n"
        "for n in range(200): write_file(Path(sys.argv[1]), b'ab'[n % 2:n % 2 + 1] * 100_000, durable=False)"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
    seen = set()
    while writer.poll() is None:
        data = path.read_bytes()
        seen.add((len(data), len(set(data))))
    assert writer.returncode == 0
    assert seen == {(100_000, 1)}


@pytest.mark.parametrize("name", ["lock", "."])
def test_a_lock_has_one_holder_and_reports_waiting(tmp_path: Path, name: str) -> None:
    """Of a file, which is made, and of a folder; the second holder comes after the first."""
    order: list[str] = []
    waiting = threading.Event()

    def take() -> None:
        with locked(tmp_path / name, waiting.set):
            order.append("second")

    second = threading.Thread(target=take)
    with locked(tmp_path / name):
        second.start()
        assert waiting.wait(5)
        order.append("first")
    second.join(5)
    assert order == ["first", "second"]
