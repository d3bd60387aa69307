"""Running bars of weeks or months, day by day: what closes is kept, every day's running bar is only looked at.

Columns are worked on some at a time, so that what is known of them stays in the caches.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    LANES,
    PANEL,
    PANEL_OUT,
    SERIES,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    IntArray,
    kernel,
)
from ralph.kernels.live import CLOSED, advance, take_up
from ralph.kernels.machine import FIELDS, Fields

NUMBERS = types.Array(types.int32, 2, "C", readonly=True)
COLUMNS_AT_ONCE = 256


@kernel(VOID, FIELDS, WHOLE, WHOLE, COUNTS, PANEL_OUT)
def pick(fields: Fields, row: int, count: int, columns: CountArray, picked: FloatArray) -> None:
    """One row of every field for the first `count` of these columns, side by side: [fields, columns]."""
    for place in range(len(fields)):
        values = fields[place]
        if values.shape[0] > 1:  # what is not read has no bars
            for i in range(count):
                picked[place, i] = values[row, columns[i]]


@kernel(VOID, FIELDS, NUMBERS, LANES, LANES, PANEL, SERIES, LANES, LANES, COUNTS, CUBE_OUT)
def follow(
    fields: Fields,
    number: IntArray,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    initial: FloatArray,
    moves: CountArray,
    results: CountArray,
    sizes: CountArray,
    out: FloatArray,
) -> None:
    """The results of the newest daily bars, out [results, tail, symbols], NaN where a column has no bar yet.

    fields [bars, symbols] each hold the period so far at each daily bar; `number` says which period it is in its
    column, from 1, and 0 above the column's first. `initial` [rows of memory], `sizes` as those of `live.advance`.
    """
    height, width = number.shape
    tail = out.shape[1]
    lanes, columns = np.empty(COLUMNS_AT_ONCE, dtype=np.int64), np.empty(COLUMNS_AT_ONCE, dtype=np.int64)
    picked = np.empty((len(fields), COLUMNS_AT_ONCE))
    answers = np.empty(results.shape[0] * COLUMNS_AT_ONCE)
    for left in range(0, width, COLUMNS_AT_ONCE):
        size = min(COLUMNS_AT_ONCE, width - left)
        ahead, rings = np.zeros((size, moves.shape[0] + 1)), np.empty((initial.size, size))
        for line in range(initial.size):
            rings[line] = initial[line]
        store = (ahead, rings)
        take_up(moves, slots, np.arange(size), store)
        for row in range(height):
            for closed in (1, 0):
                if closed == 0 and row < height - tail:
                    continue
                count = 0
                for i in range(size):
                    there = number[row, left + i]
                    if there > 0 if closed == 0 else there > 1 and there > number[row - 1, left + i]:
                        lanes[count], columns[count] = i, left + i
                        count += 1
                if count == 0:
                    continue
                pick(fields, row - closed, count, columns, picked)
                bar = (
                    picked[0, :count].reshape(1, count),
                    picked[1, :count].reshape(1, count),
                    picked[2, :count].reshape(1, count),
                    picked[3, :count].reshape(1, count),
                    picked[4, :count].reshape(1, count),
                    picked[5, :count].reshape(1, count),
                    picked[6, :count].reshape(1, count),
                    picked[7, :count].reshape(1, count),
                )
                found = answers[: results.shape[0] * count].reshape(results.shape[0], count)
                sizes[CLOSED] = closed
                advance(bar, code, slots, real, moves, results, lanes[:count], store, found, sizes)
                if closed == 0:
                    for line in range(results.shape[0]):
                        for i in range(count):
                            out[line, row - height + tail, columns[i]] = found[line, i]
