"""Figures of the newest bars of each column: sums, counts, places among themselves, bars since something held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.market.panel import FloatArray

BoolArray = NDArray[np.bool_]


def window_sums(values: FloatArray, bars: int) -> FloatArray:
    """Sums of `bars` rows each, [rows - bars + 1, columns]; blocks of 1, 2, 4, … rows, so whole numbers are exact."""
    rows = values.shape[0] - bars + 1
    total: FloatArray | None = None
    block, width, begin = values, 1, 0
    while True:
        if bars & width:
            piece = block[begin : begin + rows]
            total = piece if total is None else total + piece
            begin += width
        if 2 * width > bars:
            break
        block = block[: block.shape[0] - width] + block[width:]
        width *= 2
    assert total is not None, "a window has at least one bar"
    return total


def window_counts(holds: BoolArray, bars: int) -> NDArray[np.int64]:
    """On how many of each `bars` rows something held: [rows - bars + 1, columns]."""
    run = np.zeros((holds.shape[0] + 1, holds.shape[1]), dtype=np.int64)
    np.cumsum(holds, axis=0, out=run[1:])
    return run[bars:] - run[:-bars]


def percentiles(values: FloatArray, bars: int) -> FloatArray:
    """Share of the `bars` - 1 rows before that are below each value, ties half, 0-100; NaN where one is missing."""
    out = np.empty((values.shape[0] - bars + 1, values.shape[1]))
    kernels.places.percentiles(np.ascontiguousarray(values), bars, out)
    return out


def bars_since(holds: BoolArray, tail: int) -> FloatArray:
    """Bars from each of the newest `tail` rows back to the last that held, NaN where none did: [tail, columns]."""
    rows = np.arange(holds.shape[0], dtype=np.float64)[:, None]
    last = np.maximum.accumulate(np.where(holds, rows, -1.0), axis=0)[-tail:]
    return np.where(last >= 0, rows[-tail:] - last, np.nan)
