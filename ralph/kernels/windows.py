"""Sums and means over the newest `period` values, each a function of its window alone.

A window's sum is one fixed tree: blocks of 1, 2, 4, … bars, doubled from neighbours and shared by all windows, then one
block for each binary digit of the period, the smallest newest. So there is nothing running that could drift or keep a
residue, a sum costs log2(period) additions, and any way of asking (one bar, all bars, many Symbols) adds in the same
order. Rows of many columns are laid end to end; one bar back is then `lanes` elements back.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import PANEL, PANEL_OUT, ROWS, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, IntArray, kernel

SCRATCH = 32_768  # elements of a block's buffer: three of them fit in a second-level cache of 1 MB


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def _add(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    for place in range(out.size):
        out[place] = left[place] + right[place]


@kernel(VOID, SERIES_OUT, SERIES_OUT, SERIES_OUT, WHOLE, WHOLE)
def _window_sums(blocks: FloatArray, spare: FloatArray, sums: FloatArray, lanes: int, period: int) -> None:
    """Into `sums`, from bar `period` - 1 on; `blocks` holds the values and is used up, as is `spare`."""
    size = blocks.size
    width = 1
    summed = 0
    while True:
        if period & width:
            begin = (summed + width - 1) * lanes
            if summed == 0:
                sums[begin:] = blocks[begin:]
            else:
                _add(sums[begin:], blocks[begin - summed * lanes : size - summed * lanes], sums[begin:])
            summed += width
        if 2 * width > period:
            break
        begin = (2 * width - 1) * lanes
        _add(blocks[begin:], blocks[begin - width * lanes : size - width * lanes], spare[begin:])
        blocks, spare = spare, blocks
        width *= 2


@kernel(VOID, SERIES, WHOLE, SERIES_OUT)
def _mean_series(values: FloatArray, period: int, out: FloatArray) -> None:
    """Of equal values the mean is that value, whatever the rounding of their sum."""
    if values.size < period:
        out[:] = np.nan
        return
    sums = np.empty(values.size)
    _window_sums(values.copy(), np.empty(values.size), sums, 1, period)
    out[: period - 1] = np.nan
    equal = 0
    for bar in range(1, period - 1):
        equal = equal + 1 if values[bar] == values[bar - 1] else 0
    for bar in range(period - 1, values.size):
        equal = equal + 1 if bar > 0 and values[bar] == values[bar - 1] else 0
        out[bar] = values[bar] if equal >= period - 1 else sums[bar] / period


@kernel(WHOLE, WHOLE, WHOLE)
def block_width(rows: int, width: int) -> int:
    """How many columns to work on together."""
    return min(width, max(16, min(512, SCRATCH // rows // 8 * 8)))


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def _count_equal(now: FloatArray, before: FloatArray, equal: FloatArray) -> None:
    for lane in range(equal.size):
        equal[lane] = equal[lane] + 1.0 if now[lane] == before[lane] else 0.0


@kernel(VOID, SERIES, SERIES, SERIES, ROWS, WHOLE, WHOLE, SERIES_OUT)
def _mean_row(
    now: FloatArray, sums: FloatArray, equal: FloatArray, first: IntArray, row: int, period: int, out: FloatArray
) -> None:
    for lane in range(out.size):
        mean = now[lane] if equal[lane] >= period - 1 else sums[lane] / period
        out[lane] = mean if row - first[lane] >= period - 1 else np.nan


@kernel(VOID, PANEL, ROWS, WHOLE, PANEL_OUT)
def _mean_last(values: FloatArray, first: IntArray, period: int, out: FloatArray) -> None:
    height, width = values.shape
    oldest = height - out.shape[0]
    top = max(0, oldest - period + 1)
    rows = height - top
    out[:] = np.nan
    if rows < period:
        return
    step = block_width(rows, width)
    buffers = np.empty((3, rows * step))
    for left in range(0, width, step):
        right = min(left + step, width)
        lanes = right - left
        for row in range(rows):
            buffers[0, row * lanes : (row + 1) * lanes] = values[top + row, left:right]
        sums = buffers[2, : rows * lanes]
        _window_sums(buffers[0, : rows * lanes], buffers[1, : rows * lanes], sums, lanes, period)
        equal = np.zeros(lanes)
        for row in range(top, height):
            now = values[row, left:right]
            if row > top:
                _count_equal(now, values[row - 1, left:right], equal)
            if row - top >= period - 1 and row >= oldest:
                place = (row - top) * lanes
                target = out[row - oldest, left:right]
                _mean_row(now, sums[place : place + lanes], equal, first[left:right], row, period, target)


def mean_series(values: FloatArray, period: int) -> FloatArray:
    """The mean of the newest `period` values [bars]; NaN where one is missing. Whole numbers add exactly."""
    out = np.empty(values.shape)
    _mean_series(values, period, out)
    return out


def mean_last(values: FloatArray, first: IntArray, period: int, tail: int) -> FloatArray:
    """`mean_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols]."""
    out = np.empty((tail, values.shape[1]))
    _mean_last(values, first, period, out)
    return out
