"""When files of a cache may be believed: at once for as long as the machine stays up, after that only if they were on
the disk. Whoever reads them never waits for the disk; what a power cut tears is made anew."""

from __future__ import annotations

import contextlib
import os
import threading
from functools import cache
from pathlib import Path

MARK = "boot"
"""Beside the files: which boot of the machine wrote them, behind one of these."""

_WRITTEN, _ON_DISK = b"?", b"!"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def mark_written(folder: Path) -> None:
    """Marks the files of a folder as written in this boot."""
    (folder / MARK).write_bytes(_WRITTEN + _boot())


def settle(folder: Path, replaced: object = None) -> None:
    """Brings the files of a folder to the disk and marks that they are; in the background, where boots can be told
    apart. A folder that is removed meanwhile needs no mark.

    replaced  what is held until then: giving back the pages of large files takes as long as writing them
    """
    if _boot():
        threading.Thread(target=_settle, args=(folder, replaced), name="settle", daemon=True).start()
    else:
        _settle(folder, replaced)


def is_believable(folder: Path) -> bool:
    """Whether the files of a folder are as they were written. OSError where there is no mark."""
    mark = (folder / MARK).read_bytes()
    return mark[:1] == _ON_DISK or (bool(_boot()) and mark == _WRITTEN + _boot())


def _settle(folder: Path, replaced: object) -> None:
    with contextlib.suppress(OSError):
        own = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # stays this folder when another takes its name
        try:
            with os.scandir(own) as files:
                for file in files:
                    _sync(os.open(file.name, os.O_RDONLY, dir_fd=own))
            os.fsync(own)
            mark = os.open(MARK, os.O_WRONLY, dir_fd=own)
            os.pwrite(mark, _ON_DISK, 0)  # a single byte: who reads meanwhile sees one or the other
            _sync(mark)
        finally:
            os.close(own)


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)


@cache
def _boot() -> bytes:
    try:
        return _BOOT.read_bytes().strip()
    except OSError:
        return b""
