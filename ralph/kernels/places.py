"""Places of values: among those of the bars before them, and among those of other Symbols on the same Session."""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels.jit import (
    COUNTS,
    LANES,
    PANEL,
    PANEL_OUT,
    ROWS,
    SERIES,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    IntArray,
    Pointer,
    hold,
    kernel,
    leaf,
    moved,
    start_of,
)

NUMBERS = types.Array(types.int32, 2, "C", readonly=True)


@leaf
def place_before(line: Pointer, bars: int) -> float:
    """Share of the `bars` - 1 numbers in front of the last that are below it, ties half, 0-100; NaN where one is
    missing."""
    now = line[bars - 1]
    below, up_to, missing = 0, 0, 0 if now == now else 1
    for i in range(bars - 1):
        value = line[i]
        below += 1 if value < now else 0
        up_to += 1 if value <= now else 0
        missing += 1 if value != value else 0
    return np.nan if missing > 0 else 100.0 * (0.5 * (below + up_to)) / (bars - 1)


@kernel(VOID, PANEL, WHOLE, PANEL_OUT)
def percentiles(values: FloatArray, bars: int, out: FloatArray) -> None:
    """Share of the `bars` - 1 rows before that are below each value [rows - bars + 1, columns], ties half, 0-100."""
    height, width = values.shape
    column = np.empty(height)
    line, at = start_of(column), start_of(values)
    for i in range(width):
        for row in range(height):
            line[row] = at[row * width + i]
        for row in range(out.shape[0]):
            out[row, i] = place_before(moved(line, row), bars)
    hold(column, values, out)


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
def first_not_below(ordered: Pointer, count: int, value: float) -> int:
    """How many of so many sorted numbers are below a value. It branches nowhere but to go on."""
    low = 0
    while count > 1:
        half = count >> 1
        low += half if ordered[low + half - 1] < value else 0
        count -= half
    return low + (1 if count == 1 and ordered[low] < value else 0)


@kernel(VOID, PANEL, COUNTS, PANEL, PANEL_OUT, PANEL_OUT)
def among(ordered: FloatArray, counts: CountArray, asked: FloatArray, below: FloatArray, up_to: FloatArray) -> None:
    """How many of the first `counts` [rows] of each sorted row are below the values asked for [rows, columns], and how
    many are below or the same."""
    for row in range(asked.shape[0]):
        count, line = counts[row], moved(start_of(ordered), row * ordered.shape[1])
        for i in range(asked.shape[1]):
            value = asked[row, i]
            low = first_not_below(line, count, value)
            below[row, i] = low
            while low < count and line[low] == value:
                low += 1
            up_to[row, i] = low
    hold(ordered, counts, asked)


@kernel(VOID, PANEL, LANES, WHOLE, WHOLE, PANEL_OUT)
def ratings(values: FloatArray, order: CountArray, lowest: int, highest: int, out: FloatArray) -> None:
    """The place of each value among those of its row, on a scale from `lowest` to `highest`, ties sharing the middle:
    out [rows, columns], NaN where it is missing, or alone. `order` says which are the lowest of each row, missing ones
    last."""
    for row in range(values.shape[0]):
        count = 0
        for i in range(values.shape[1]):
            count += 1 if values[row, i] == values[row, i] else 0
            out[row, i] = np.nan
        begin = 0
        while begin < count and count > 1:
            value, end = values[row, order[row, begin]], begin + 1
            while end < count and values[row, order[row, end]] == value:
                end += 1
            others = (begin + (end - begin - 1) / 2.0) / (count - 1)
            rating = np.floor(lowest + (highest - lowest) * others + 0.5)
            for place in range(begin, end):
                out[row, order[row, place]] = min(max(rating, lowest), highest)
            begin = end


@kernel(VOID, PANEL, COUNTS, LANES, COUNTS, PANEL_OUT)
def ranks_alike(values: FloatArray, order: CountArray, spans: CountArray, columns: CountArray, out: FloatArray) -> None:
    """The rank of some columns in each row, the largest 1, among those of a group: out [rows, columns], NaN where it is
    missing or has no group. `order` has the columns group after group, `spans` [columns, 2] where each one's group
    begins and ends there."""
    width = values.shape[1]
    grouped = np.empty(width)
    line = start_of(grouped)
    for row in range(values.shape[0]):
        for place in range(width):
            line[place] = values[row, order[place]]
        for i in range(columns.size):
            value, above = values[row, columns[i]], 0
            for place in range(spans[i, 0], spans[i, 1]):
                above += 1 if line[place] > value else 0
            there = (value == value) & (spans[i, 0] < spans[i, 1])
            out[row, i] = 1.0 + above if there else np.nan
    hold(grouped, values, order)
