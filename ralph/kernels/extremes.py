"""The highest and lowest of the newest `period` values.

By doubling: blocks of 1, 2, 4, … bars are made from neighbours, and two of them cover a window. The lowest is the
highest of the negated values, turned back; both are exact. Rows of many columns are laid end to end; one bar back is
then `lanes` elements back.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    NUMBER,
    PANEL,
    PANEL_OUT,
    ROWS,
    SERIES,
    SERIES_OUT,
    VOID,
    WHOLE,
    FloatArray,
    IntArray,
    kernel,
)
from ralph.kernels.windows import block_width


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def _higher(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """The larger of two, and NaN where either is."""
    for place in range(out.size):
        larger = max(right[place], left[place])
        out[place] = left[place] if left[place] != left[place] else larger


@kernel(SERIES_OUT, SERIES_OUT, SERIES_OUT, WHOLE, WHOLE)
def _window_highest(blocks: FloatArray, spare: FloatArray, lanes: int, period: int) -> FloatArray:
    """The windows' highest, from bar `period` - 1 on, in one of the two buffers; `blocks` holds the values."""
    size = blocks.size
    covered = 1
    while covered < period:
        more = min(covered, period - covered)
        begin = (covered + more - 1) * lanes
        _higher(blocks[begin:], blocks[begin - more * lanes : size - more * lanes], spare[begin:])
        blocks, spare = spare, blocks
        covered += more
    return blocks


@kernel(VOID, SERIES, NUMBER, SERIES_OUT)
def _signed(values: FloatArray, sign: float, out: FloatArray) -> None:
    for place in range(out.size):
        out[place] = sign * values[place]


@kernel(VOID, SERIES, WHOLE, NUMBER, SERIES_OUT)
def _extreme_series(values: FloatArray, period: int, sign: float, out: FloatArray) -> None:
    out[: period - 1] = np.nan
    if values.size < period:
        return
    signed = np.empty(values.size)
    _signed(values, sign, signed)
    found = _window_highest(signed, np.empty(values.size), 1, period)
    _signed(found[period - 1 :], sign, out[period - 1 :])


@kernel(VOID, SERIES, ROWS, WHOLE, NUMBER, SERIES_OUT)
def _signed_row(found: FloatArray, first: IntArray, youngest: int, sign: float, out: FloatArray) -> None:
    for lane in range(out.size):
        out[lane] = sign * found[lane] if first[lane] <= youngest else np.nan


@kernel(VOID, PANEL, ROWS, WHOLE, NUMBER, PANEL_OUT)
def _extreme_last(values: FloatArray, first: IntArray, period: int, sign: float, out: FloatArray) -> None:
    height, width = values.shape
    oldest = height - out.shape[0]
    top = max(0, oldest - period + 1)
    rows = height - top
    out[:] = np.nan
    if rows < period:
        return
    step = block_width(rows, width)
    buffers = np.empty((2, rows * step))
    for left in range(0, width, step):
        right = min(left + step, width)
        lanes = right - left
        for row in range(rows):
            _signed(values[top + row, left:right], sign, buffers[0, row * lanes : (row + 1) * lanes])
        found = _window_highest(buffers[0, : rows * lanes], buffers[1, : rows * lanes], lanes, period)
        for row in range(max(oldest, top + period - 1), height):
            place = (row - top) * lanes
            target = out[row - oldest, left:right]
            _signed_row(found[place : place + lanes], first[left:right], row - period + 1, sign, target)


def highest_series(values: FloatArray, period: int) -> FloatArray:
    """The highest of the newest `period` values at each bar [bars]; NaN where one is missing."""
    return _series(values, period, 1.0)


def lowest_series(values: FloatArray, period: int) -> FloatArray:
    """The lowest of the newest `period` values at each bar [bars]; NaN where one is missing."""
    return _series(values, period, -1.0)


def highest_last(values: FloatArray, first: IntArray, period: int, tail: int) -> FloatArray:
    """`highest_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols]."""
    return _last(values, first, period, tail, 1.0)


def lowest_last(values: FloatArray, first: IntArray, period: int, tail: int) -> FloatArray:
    """`lowest_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols]."""
    return _last(values, first, period, tail, -1.0)


def _series(values: FloatArray, period: int, sign: float) -> FloatArray:
    out = np.empty(values.shape)
    _extreme_series(values, period, sign, out)
    return out


def _last(values: FloatArray, first: IntArray, period: int, tail: int, sign: float) -> FloatArray:
    out = np.empty((tail, values.shape[1]))
    _extreme_last(values, first, period, sign, out)
    return out
