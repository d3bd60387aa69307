"""Many Symbols side by side: where each column of a block starts, and what its filters remember while they warm up.

A recursive filter is `keep * old + (1 - keep) * new`, or `keep * old + new`, where `keep` depends on how many values
a column has seen: 0 at the first, growing while the seed is made, constant from then on. `keep` is looked up per column
only while it warms up; the arithmetic over all columns of a row has no branch and no special row.

A block's columns are described by `lanes` int64 [3, width] (ORDER, WARMING, AGE) and `cursor` int64 [2]
(STARTED, OPEN).
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    COUNTS,
    LANES,
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
)

# Columns worked on together. Few: their states stay in the first-level cache. Many, where several fields are read:
# rows come from memory in longer runs. Not a multiple of 512, or stores would wait for loads 4,096 bytes apart.
BLOCK = 480
WIDE_BLOCK = 2_880

ORDER = 0  # columns of the block in order of their first row
WARMING = 1  # the OPEN columns whose filters still warm up
AGE = 2  # values seen by each column, counted up to the end of the tables

STARTED = 0
OPEN = 1


@kernel(LANES, ROWS, WHOLE)
def arrange(first: IntArray, height: int) -> CountArray:
    """The block's `lanes`, its columns sorted by first row: a counting sort, stable."""
    lanes = np.zeros((3, first.size), dtype=np.int64)
    begin = np.zeros(height + 2, dtype=np.int64)
    for lane in range(first.size):
        begin[min(max(first[lane], 0), height) + 1] += 1
    for row in range(height + 1):
        begin[row + 1] += begin[row]
    for lane in range(first.size):
        row = min(max(first[lane], 0), height)
        lanes[ORDER, begin[row]] = lane
        begin[row] += 1
    return lanes


@kernel(WHOLE, WHOLE, ROWS, LANES, COUNTS)
def wake(row: int, first: IntArray, lanes: CountArray, cursor: CountArray) -> int:
    """Start the columns whose first row this is; they are ORDER[result : cursor[STARTED]]."""
    before = int(cursor[STARTED])
    at = before
    while at < first.size and first[lanes[ORDER, at]] <= row:
        lane = lanes[ORDER, at]
        lanes[WARMING, cursor[OPEN]] = lane
        cursor[OPEN] += 1
        at += 1
    cursor[STARTED] = at
    return before


@kernel(VOID, SERIES, PANEL, LANES, COUNTS, PANEL_OUT)
def grow(values: FloatArray, tables: FloatArray, lanes: CountArray, cursor: CountArray, keep: FloatArray) -> None:
    """One row older: every warming column with a value looks its `keep` [filters, width] up in `tables` [filters, age].

    A missing value does not age a column. Those at the end of the tables leave the list, their `keep` is final.
    """
    still = 0
    for place in range(cursor[OPEN]):
        lane = lanes[WARMING, place]
        if values[lane] == values[lane]:
            lanes[AGE, lane] += 1
        age = lanes[AGE, lane]
        for stage in range(tables.shape[0]):
            keep[stage, lane] = tables[stage, age]
        if age < tables.shape[1] - 1:
            lanes[WARMING, still] = lane
            still += 1
    cursor[OPEN] = still


@kernel(VOID, SERIES, SERIES, COUNTS, WHOLE, SERIES_OUT)
def publish_row(values: FloatArray, now: FloatArray, age: CountArray, ready: int, out: FloatArray) -> None:
    """`values` of the columns that are old enough and have a bar `now`; NaN elsewhere."""
    for lane in range(out.size):
        out[lane] = values[lane] if age[lane] >= ready and now[lane] == now[lane] else np.nan
