"""Tests run side by side; one that is marked `alone` has the machine to itself, for it holds a bound of time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(folder: Path, alone: bool) -> Iterator[None]:
    """Wait for the others' end where `alone`, else only for one that is; `folder` is shared by all processes.

    Everybody passes the gate; who is to be alone keeps it shut while waiting, so that nobody new comes in.
    """
    with (folder / "gate").open("w") as gate, (folder / "inside").open("w") as inside:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
