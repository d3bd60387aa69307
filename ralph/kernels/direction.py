"""Directional movement: how much of the range went up or down (+DI, -DI), and how one-sided that was (ADX). Wilder.

Movements and ranges are kept as decaying sums `keep * sum + value`; their scale cancels in the shares.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    NUMBER,
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
from ralph.kernels.lanes import AGE, ORDER, STARTED, WIDE_BLOCK, arrange, grow, publish_row, wake
from ralph.kernels.ranges import true_range
from ralph.kernels.smoothing import mean_table
from ralph.kernels.strength import sum_table

PLUS, MINUS, RANGE, MEAN = 0, 1, 2, 3  # the decaying sums, and the mean of the one-sidedness
ADX, PLUS_DI, MINUS_DI = 0, 1, 2  # the results


@kernel(NUMBER, NUMBER, NUMBER)
def _larger_move(this: float, other: float) -> float:
    """A movement counts where it is upwards of nothing and of its opposite; equal ones count for neither."""
    return this if this > other and this > 0.0 else 0.0


@kernel(NUMBER, NUMBER, NUMBER)
def _one_sided(plus: float, minus: float) -> float:
    both = plus + minus
    return 100.0 * (abs(plus - minus) / (both if both != 0.0 else 1.0))


@kernel(NUMBER, NUMBER, NUMBER)
def _share(part: float, whole: float) -> float:
    return 100.0 * (part / whole) if whole != 0.0 else 0.0


@kernel(VOID, SERIES, SERIES, SERIES, PANEL, WHOLE, PANEL_OUT)
def _adx_series(
    high: FloatArray, low: FloatArray, close: FloatArray, tables: FloatArray, period: int, out: FloatArray
) -> None:
    plus = 0.0
    minus = 0.0
    ranges = 0.0
    mean = 0.0
    for bar in range(1, close.size):
        age = min(bar, tables.shape[1] - 1)
        up = high[bar] - high[bar - 1]
        down = low[bar - 1] - low[bar]
        keep = tables[0, age]
        plus = keep * plus + _larger_move(up, down)
        minus = keep * minus + _larger_move(down, up)
        ranges = keep * ranges + true_range(high[bar], low[bar], close[bar - 1])
        side = _one_sided(plus, minus)
        mean = side + tables[1, age] * (mean - side)
        if bar >= period:
            out[PLUS_DI, bar] = _share(plus, ranges)
            out[MINUS_DI, bar] = _share(minus, ranges)
        if bar >= 2 * period - 1:
            out[ADX, bar] = mean


# Each pass over a row writes one array: with more, the compiler would have too many overlaps to rule out to vectorise.


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, SERIES, SERIES_OUT)
def _move_row(
    this: FloatArray,
    this_before: FloatArray,
    other: FloatArray,
    other_before: FloatArray,
    keep: FloatArray,
    sums: FloatArray,
) -> None:
    """Add the movements upwards of `this` where they are larger than those downwards of `other`."""
    for lane in range(sums.size):
        move = _larger_move(this[lane] - this_before[lane], other_before[lane] - other[lane])
        sums[lane] = keep[lane] * sums[lane] + move


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, SERIES_OUT)
def _range_row(high: FloatArray, low: FloatArray, before: FloatArray, keep: FloatArray, sums: FloatArray) -> None:
    for lane in range(sums.size):
        sums[lane] = keep[lane] * sums[lane] + true_range(high[lane], low[lane], before[lane])


@kernel(VOID, SERIES, SERIES, SERIES, SERIES_OUT)
def _side_row(plus: FloatArray, minus: FloatArray, keep: FloatArray, mean: FloatArray) -> None:
    for lane in range(mean.size):
        side = _one_sided(plus[lane], minus[lane])
        mean[lane] = side + keep[lane] * (mean[lane] - side)


@kernel(VOID, SERIES, SERIES, COUNTS, WHOLE, SERIES_OUT)
def _share_row(part: FloatArray, whole: FloatArray, age: CountArray, ready: int, out: FloatArray) -> None:
    for lane in range(out.size):
        out[lane] = _share(part[lane], whole[lane]) if age[lane] >= ready else np.nan


@kernel(VOID, PANEL, PANEL, PANEL, ROWS, PANEL, WHOLE, CUBE_OUT)
def _adx_last(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray,
    tables: FloatArray,
    period: int,
    out: FloatArray,
) -> None:
    height, width = close.shape
    top = height - out.shape[1]
    out[:, : max(0, -top)] = np.nan
    for left in range(0, width, WIDE_BLOCK):
        right = min(left + WIDE_BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        keep = np.zeros((2, right - left))
        sums = np.zeros((4, right - left))
        for row in range(height):
            woken = wake(row, begins, lanes, cursor)
            grow(close[row, left:right], tables, lanes, cursor, keep)
            back = max(row - 1, 0)
            highs, highs_before = high[row, left:right], high[back, left:right]
            lows, lows_before = low[row, left:right], low[back, left:right]
            _move_row(highs, highs_before, lows, lows_before, keep[0], sums[PLUS])
            _move_row(lows_before, lows, highs_before, highs, keep[0], sums[MINUS])
            _range_row(highs, lows, close[back, left:right], keep[0], sums[RANGE])
            _side_row(sums[PLUS], sums[MINUS], keep[1], sums[MEAN])
            for place in range(woken, cursor[STARTED]):  # what stood above a column's first bar does not count
                sums[:, lanes[ORDER, place]] = 0.0
            if row >= top:
                age = lanes[AGE]
                # A column's first bar has no movement: its age is one ahead of its movements.
                _share_row(sums[PLUS], sums[RANGE], age, period + 1, out[PLUS_DI, row - top, left:right])
                _share_row(sums[MINUS], sums[RANGE], age, period + 1, out[MINUS_DI, row - top, left:right])
                publish_row(sums[MEAN], close[row, left:right], age, 2 * period, out[ADX, row - top, left:right])


def _tables(period: int, terms: int) -> FloatArray:
    """`keep` of the sums and of the mean of the one-sidedness, by movements seen."""
    mean = mean_table(period, 1.0 / period, skip=period - 1)
    sums = sum_table(period, terms)
    return np.stack([np.concatenate([sums, np.full(mean.size - sums.size, sums[-1])]), mean])


def adx_series(high: FloatArray, low: FloatArray, close: FloatArray, period: int, terms: int) -> FloatArray:
    """ADX, +DI and -DI at each bar [3, bars]; `terms`: of how many movements the sums are made before they decay."""
    out = np.full((3, close.size), np.nan)
    _adx_series(high, low, close, _tables(period, terms), period, out)
    return out


def adx_last(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray, period: int, terms: int, tail: int
) -> FloatArray:
    """`adx_series` of every column [bars, symbols] from its `first` row on: the newest rows [3, tail, symbols]."""
    out = np.empty((3, tail, close.shape[1]))
    tables = _tables(period, terms)
    _adx_last(high, low, close, first, np.hstack([np.zeros((2, 1)), tables]), period, out)
    return out
