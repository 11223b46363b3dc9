"""What the proxy needs of its process: memory kept for read buffers, and enough descriptors."""

from __future__ import annotations

import contextlib
import ctypes
import resource

# From glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

_OTHER_DESCRIPTORS = 1000
_MMAP_THRESHOLD_BYTES = 1024 * 1024
_TRIM_THRESHOLD_BYTES = 16 * 1024 * 1024


def keep_read_buffers() -> None:
    """Have this process keep up to 16 MB of freed memory for its next reads.

    A read of a large body takes a block of 256 kB. By default glibc maps and unmaps such a
    block each time, and its pages are cleared and faulted in anew: a third of all the time a
    large body takes. Where the C library has no such setting, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)


def allow_descriptors(connections: int) -> None:
    """Raise this process's limit of open files to what so many clients and their calls need, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
