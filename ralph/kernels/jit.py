"""How kernels are compiled: without the GIL, ahead of the first call, cached on disk, in strict IEEE arithmetic."""

from __future__ import annotations

import contextlib
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
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int32]
CountArray: TypeAlias = NDArray[np.int64]

CACHE_VERSIONS_MAX = 4  # compiled forms of other sources are kept beside ours up to this; the oldest are deleted
DIGITS = 12  # of the sources' digest, hexadecimal

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
NUMBERS_AT, WHOLES_AT = types.CPointer(types.float64), types.CPointer(types.int64)
Pointer: TypeAlias = FloatArray
"""The address of float64 in memory, indexed as an array is: within compiled code only."""
Whole: TypeAlias = CountArray
"""The address of int64."""


def kernel(result: Any, *arguments: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile for this one signature when the module is imported (or load it from the cache).

    No `fastmath` at all: every result is the IEEE result of the operations as written, so that one Symbol alone, many
    side by side, vectorised or not, agree to the last bit, and NaN tests stay.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        compiled = numba.njit([result(*arguments)], nogil=True, cache=True, error_model="numpy")(function)
        return cast("Callable[P, R]", compiled)

    return decorate


def by_address(*arguments: Any) -> Callable[[Callable[P, R]], Any]:
    """Compile for callers that know the function's `address`: once, not into each of them. It may raise nothing."""

    def decorate(function: Callable[P, R]) -> Any:
        return numba.cfunc(VOID(*arguments), cache=True, error_model="numpy")(function)

    return decorate


def leaf(function: Callable[P, R]) -> Callable[P, R]:
    """A function that is compiled into the kernels that call it, and only when they are.

    It takes addresses and numbers: the holders of an array handed on are counted, which costs more than a row does.
    """
    return cast("Callable[P, R]", register_jitable(nogil=True, error_model="numpy")(function))


@cast("Callable[..., Any]", intrinsic)
def start_of(typing: Any, array: Any) -> Any:
    """The address of an array's first element; the caller holds on to the array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@leaf
def hold(one: Any, two: Any, three: Any) -> None:
    """Arrays whose addresses are used up to here: compiled code gives an array back after the last use of its name."""


@cast("Callable[..., Any]", intrinsic)
def moved(typing: Any, pointer: Any, by: Any) -> Any:
    """The address so many elements on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.int64), generate


@cast("Callable[..., Any]", intrinsic)
def number_of(typing: Any, pointer: Any) -> Any:
    """An address as a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], context.get_value_type(types.int64))

    return types.int64(pointer), generate


@cast("Callable[..., Any]", intrinsic)
def pointer_to(typing: Any, number: Any) -> Any:
    """The float64 at an address that is given as a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return NUMBERS_AT(types.int64), generate


@cast("Callable[..., Any]", intrinsic)
def call_at(typing: Any, address: Any, one: Any, two: Any, three: Any, four: Any, five: Any) -> Any:
    """Call the machine code at an address with five addresses."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shape = ir.FunctionType(ir.VoidType(), [value.type for value in arguments[1:]])
        builder.call(builder.inttoptr(arguments[0], shape.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, one, two, three, four, five), generate


def _cache_bases(configured: str) -> Iterator[Path]:
    """Where compiled kernels may go, best first."""
    if configured:
        yield Path(configured)
    yield Path(__file__).parent / "__pycache__"
    if cache := os.environ.get("XDG_CACHE_HOME"):
        yield Path(cache)
    with contextlib.suppress(RuntimeError):  # no home is known
        yield Path.home() / ".cache"


def _is_ours(folder: Path) -> bool:
    """Whether only this user can write here: compiled code is loaded from it."""
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
    return digest.hexdigest()[:DIGITS]


def _forget_old(chosen: Path) -> None:
    """Delete the oldest of the other versions. Only folders with names as we make them: others may live here too."""

    def made_at(folder: Path) -> float:
        with contextlib.suppress(OSError):  # another process forgets them at the same time
            return folder.stat().st_mtime
        return 0.0

    others = [folder for folder in chosen.parent.glob("[0-9a-f]" * DIGITS) if folder != chosen]
    for folder in sorted(others, key=made_at, reverse=True)[CACHE_VERSIONS_MAX - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def choose_cache(configured: str) -> Path | None:
    """The folder compiled kernels are kept in: the first writable of NUMBA_CACHE_DIR, beside the sources, the user's
    cache; None where none is."""
    name = f"ralph-kernels/{_source_digest()}"
    for base in _cache_bases(configured):
        if _writable(base / name):
            _forget_old(base / name)
            return base / name
    return None


def _use_cache() -> tempfile.TemporaryDirectory[str] | None:
    """Numba refuses to compile with `cache=True` when it may write nowhere: then a folder for this process only."""
    chosen = choose_cache(os.environ.get("NUMBA_CACHE_DIR", ""))
    fallback = tempfile.TemporaryDirectory(prefix="ralph-kernels-") if chosen is None else None
    numba.config.CACHE_DIR = str(chosen) if fallback is None else fallback.name
    return fallback


_FALLBACK = _use_cache()  # deleted with the process
