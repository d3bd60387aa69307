"""The arrays of a Panel as .npy files, written by several threads, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.market.append import GROWN, Growth
from ralph.market.capital import Capital
from ralph.market.columns import Layout
from ralph.market.panel import FIELDS, Panel

CAPITAL = ("column", "day", "shares", "market_cap")
ARRAYS_RAW = "raw_"
ARRAYS_CAPITAL = "capital_"

_PIECE_BYTES = 1 << 20  # stays in the processor's cache until it is written
_WRITERS = 2


class Pieces(NamedTuple):
    """An array by runs of its rows, in order; each is written before the next is asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    runs: Iterable[NDArray[Any]]


Source = Layout | Panel | Growth


def pieces_of(source: Source, capital: Capital, name: str) -> Pieces:
    """One of the arrays a Panel's folder holds, by its name there."""
    if isinstance(source, Growth) and name in GROWN:
        return Pieces(source.shape(name), source.dtype(name), source.rows_at_once(name, _PIECE_BYTES))
    array = _whole(source, capital, name)
    return Pieces(array.shape, array.dtype, (array,))


def write_arrays(folder: Path, names: Sequence[str], made: Callable[[str], Pieces]) -> dict[str, int]:
    """Writes them, and gives the size of each file by its name."""

    def write(name: str) -> int:
        shape, dtype, runs = made(name)
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with (folder / f"{name}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for run in runs:
                file.write(np.ascontiguousarray(run).reshape(-1).view(np.uint8).data)
            return file.tell()

    # Each array is made, written and let go: a whole Panel of fresh memory at once would cost a second more.
    with ThreadPoolExecutor(_WRITERS) as writers:
        return {f"{name}.npy": size for name, size in zip(names, writers.map(write, names), strict=True)}


def _whole(source: Source, capital: Capital, name: str) -> NDArray[Any]:
    found: NDArray[Any]
    if name.startswith(ARRAYS_CAPITAL):
        found = getattr(capital, name.removeprefix(ARRAYS_CAPITAL))
    elif name.startswith(ARRAYS_RAW):
        column = name.removeprefix(ARRAYS_RAW)
        found = source.raw.columns if column == "columns" else source.raw.fields[column]
    elif isinstance(source, Layout):
        found = source.flags() if name == "flags" else source.field(name) if name in FIELDS else getattr(source, name)
    elif isinstance(source, Panel) and name in FIELDS:
        found = source.fields[name]
    else:
        found = getattr(source, name)
    return found
