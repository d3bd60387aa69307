"""Places of values: among those of the bars before them, and among those of other Symbols on the same Session."""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels.jit import (
    COUNTS,
    PANEL,
    PANEL_OUT,
    ROWS,
    SERIES,
    SERIES_OUT,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    IntArray,
    kernel,
    leaf,
)

NUMBERS = types.Array(types.int32, 2, "C", readonly=True)


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def below_row(x: FloatArray, now: FloatArray, z: FloatArray) -> None:
    """Adds 1 where x is below, 1/2 where it is the same; NaN where x is missing."""
    for i in range(z.size):
        more = 1.0 if x[i] < now[i] else 0.0
        same = 0.5 if x[i] == now[i] else 0.0
        z[i] += more + same if x[i] == x[i] else np.nan


@kernel(VOID, PANEL, WHOLE, PANEL_OUT)
def percentiles(values: FloatArray, bars: int, out: FloatArray) -> None:
    """Share of the `bars` - 1 rows before that are below each value [rows - bars + 1, columns], ties half, 0-100."""
    for row in range(out.shape[0]):
        newest, z = values[row + bars - 1], out[row]
        for i in range(z.size):
            z[i] = 0.0 if newest[i] == newest[i] else np.nan
        for back in range(1, bars):
            below_row(values[row + bars - 1 - back], newest, z)
        for i in range(z.size):
            z[i] = 100.0 * z[i] / (bars - 1)


@kernel(VOID, PANEL, SERIES, COUNTS, PANEL_OUT)
def changes(closes: FloatArray, weights: FloatArray, backs: CountArray, out: FloatArray) -> None:
    """The weighted changes over so many bars, added up, of the newest rows: out [rows, symbols]; NaN where one is
    missing or not finite."""
    height, bars = closes.shape[0], out.shape[0]
    for row in range(bars):
        at, z = height - bars + row, out[row]
        z[:] = 0.0
        for line in range(weights.size):
            weight, before = weights[line], at - backs[line]
            if before < 0:
                z[:] = np.nan
                continue
            for i in range(z.size):
                z[i] += (closes[at, i] / closes[before, i] - 1.0) * weight
        for i in range(z.size):
            z[i] = z[i] if z[i] - z[i] == 0.0 else np.nan


@kernel(VOID, PANEL, NUMBERS, ROWS, PANEL_OUT)
def by_session(values: FloatArray, rows: IntArray, newest: IntArray, out: FloatArray) -> None:
    """The value at each Session's bar, out [sessions, symbols]; NaN where there is none. `values` are those of the
    newest bars, the last row that of the bar in row `newest` [symbols]; `rows` says which row each Session's is."""
    bars = values.shape[0]
    for session in range(out.shape[0]):
        for i in range(out.shape[1]):
            place = bars - 1 - (newest[i] - rows[session, i])
            there = (rows[session, i] >= 0) & (place >= 0)
            out[session, i] = values[max(place, 0), i] if there else np.nan


@leaf
def first_not_below(ordered: FloatArray, row: int, count: int, value: float) -> int:
    """How many of the first `count` of a sorted row are below a value."""
    low = 0
    while count > 0:
        half = count >> 1
        below = ordered[row, low + half] < value
        low = low + half + 1 if below else low
        count = count - half - 1 if below else half
    return low


@kernel(VOID, PANEL, COUNTS, PANEL, PANEL_OUT, PANEL_OUT)
def among(ordered: FloatArray, counts: CountArray, asked: FloatArray, below: FloatArray, up_to: FloatArray) -> None:
    """How many of the first `counts` [rows] of each sorted row are below the values asked for [rows, columns], and how
    many are below or the same."""
    for row in range(asked.shape[0]):
        count = counts[row]
        for i in range(asked.shape[1]):
            value = asked[row, i]
            low = first_not_below(ordered, row, count, value)
            below[row, i] = low
            while low < count and ordered[row, low] == value:
                low += 1
            up_to[row, i] = low
