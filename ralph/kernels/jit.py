"""How kernels are compiled: without the GIL, ahead of the first call, cached on disk, in strict IEEE arithmetic."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]
CountArray: TypeAlias = NDArray[np.int64]

CACHE_VERSIONS_MAX = 4  # compiled forms of older sources kept beside ours; the oldest are deleted

VOID = types.void
WHOLE = types.int64
NUMBER = types.float64
# Inputs are read-only types: numba then takes memory-mapped arrays as well as ordinary ones.
SERIES = types.Array(types.float64, 1, "C", readonly=True)
PANEL = types.Array(types.float64, 2, "C", readonly=True)
ROWS = types.Array(types.int32, 1, "C", readonly=True)
SERIES_OUT = types.Array(types.float64, 1, "C")
PANEL_OUT = types.Array(types.float64, 2, "C")
CUBE_OUT = types.Array(types.float64, 3, "C")
COUNTS = types.Array(types.int64, 1, "C")
LANES = types.Array(types.int64, 2, "C")


def kernel(result: Any, *arguments: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile for this one signature when the module is imported (or load it from the cache).

    No `fastmath` at all: every result is the IEEE result of the operations as written, so that one Symbol alone, many
    side by side, vectorised or not, agree to the last bit, and NaN tests stay.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        compiled = numba.njit([result(*arguments)], nogil=True, cache=True, error_model="numpy")(function)
        return cast("Callable[P, R]", compiled)

    return decorate


def _cache_bases(configured: str) -> Iterator[Path]:
    """Where compiled kernels may go, best first."""
    if configured:
        yield Path(configured)
    yield Path(__file__).parent / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "ralph"
    yield Path(tempfile.gettempdir()) / f"ralph-{os.getuid()}"


def _is_ours(folder: Path) -> bool:
    """Whether only this user can write here: compiled code is loaded from it, and /tmp belongs to everyone."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return _is_ours(folder)
    except OSError:
        return False


def _source_digest() -> str:
    """Numba notices a change only in a kernel's own file, not in one it calls into: so all sources name the cache."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _forget_old(versions: Path) -> None:
    def age(folder: Path) -> float:
        return folder.stat().st_mtime if folder.exists() else 0.0

    for folder in sorted(versions.iterdir(), key=age, reverse=True)[CACHE_VERSIONS_MAX:]:
        shutil.rmtree(folder, ignore_errors=True)


def choose_cache(configured: str) -> Path:
    """The folder compiled kernels are kept in: the first writable of NUMBA_CACHE_DIR, beside the sources, the user's
    cache, the temporary folder; a fresh temporary one where none is."""
    name = f"kernels/{_source_digest()}"
    for base in _cache_bases(configured):
        if _writable(base / name):
            _forget_old((base / name).parent)
            return base / name
    return Path(tempfile.mkdtemp(prefix="ralph-kernels-"))


numba.config.CACHE_DIR = str(choose_cache(os.environ.get("NUMBA_CACHE_DIR", "")))
