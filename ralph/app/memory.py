"""What this process asks of the system for itself: memory that stays, and as many open files as there may be."""

from __future__ import annotations

import ctypes
import resource

ARRAY_BYTES_MAX = 32 << 20  # arrays up to this size come from kept memory; glibc allows no more
KEPT_BYTES = 32 << 20
ARENAS_MAX = 2  # each thread would else keep freed memory of its own
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_freed_memory() -> None:
    """Tell glibc to keep what scans free, up to KEPT_BYTES, instead of giving it back to the kernel.

    A scan makes and frees arrays of megabytes for every answer; touching fresh pages took a third of its time.
    Other C libraries have no such switch and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, ARRAY_BYTES_MAX)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_ARENA_MAX, ARENAS_MAX)


def open_all_files() -> None:
    """Let this process have as many sockets as the system allows: the usual 1,024 are few for live connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def give_back_memory() -> None:
    """What starting has needed and freed goes back to the kernel, where the C library can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
