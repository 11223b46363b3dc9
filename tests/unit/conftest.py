"""Unit tests do no I/O: a test that writes, starts a process or uses the network belongs in tests/integration."""

import ipaddress
import os
import sys

import pytest

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = frozenset({"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.chmod"})
_PROCESSES = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty"})
# Python's own caches, and those of the library that makes up inputs.
_CACHES = ("__pycache__", ".hypothesis", os.devnull)


class Watch:
    """What the running test has done, noticed by an audit hook, which stays for good once it is added."""

    def __init__(self):
        self.seen = None
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if self.seen is not None and self._is_io(event, args):
            self.seen.append(f"{event}{args[:2]}")

    def _is_io(self, event, args):
        if event == "open":
            # What has a descriptor already was seen when it was opened: Python 3.14 reports it once more.
            if isinstance(args[0], int):
                return False
            return bool(args[2] & _WRITING) and not any(name in str(args[0]) for name in _CACHES)
        if event in _CHANGES:
            return not any(name in str(args[0]) for name in _CACHES)
        if event == "sqlite3.connect":
            return args[0] != ":memory:"
        if event == "socket.getaddrinfo":
            return not _is_address(args[0])
        return event in _PROCESSES or event in ("socket.connect", "socket.bind")


def _is_address(host):
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


_watch = Watch()


@pytest.fixture(autouse=True)
def no_io():
    """Fails the test that did any."""
    _watch.seen = []
    yield
    seen, _watch.seen = _watch.seen, None
    assert not seen, "a unit test does no I/O; move it to tests/integration"
