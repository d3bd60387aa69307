"""Exponential means, seeded with the mean of their first values (EMA, RMA)."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import PANEL, PANEL_OUT, ROWS, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, IntArray, kernel
from ralph.kernels.lanes import AGE, BLOCK, arrange, grow, publish_row, wake


def mean_table(period: int, alpha: float, skip: int = 0) -> FloatArray:
    """`keep` by age: `skip` values are skipped, the next `period` averaged, then each new one counts `alpha`."""
    seed = [count / (count + 1) for count in range(period)]
    return np.array([0.0] * (1 + skip) + seed + [1.0 - alpha])


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def smooth_row(values: FloatArray, keep: FloatArray, mean: FloatArray) -> None:
    """A flat column stays exactly at its value; a missing value changes nothing.

    Keep 0 takes the value itself: what stood above a column's first row is gone with its first value, and an infinite
    one never entered (its product with 0 is NaN).
    """
    for lane in range(mean.size):
        moved = values[lane] + keep[lane] * (mean[lane] - values[lane])
        mean[lane] = moved if moved == moved else mean[lane]


@kernel(VOID, SERIES, SERIES, WHOLE, SERIES_OUT)
def _smooth_series(values: FloatArray, table: FloatArray, ready: int, out: FloatArray) -> None:
    mean = 0.0
    age = 0
    for bar in range(values.size):
        value = values[bar]
        if value != value:
            out[bar] = np.nan
            continue
        age = min(age + 1, table.size - 1)
        mean = value + table[age] * (mean - value)
        out[bar] = mean if age >= ready else np.nan


@kernel(VOID, PANEL, ROWS, PANEL, WHOLE, PANEL_OUT)
def _smooth_last(values: FloatArray, first: IntArray, table: FloatArray, ready: int, out: FloatArray) -> None:
    height, width = values.shape
    top = height - out.shape[0]
    out[: max(0, -top)] = np.nan
    for left in range(0, width, BLOCK):
        right = min(left + BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        keep = np.zeros((1, right - left))
        mean = np.zeros(right - left)
        for row in range(height):
            now = values[row, left:right]
            wake(row, begins, lanes, cursor)
            grow(now, table, lanes, cursor, keep)
            smooth_row(now, keep[0], mean)
            if row >= top:
                publish_row(mean, now, lanes[AGE], ready, out[row - top, left:right])


def mean_series(values: FloatArray, table: FloatArray, ready: int) -> FloatArray:
    """The exponential mean of `table` at each bar [bars], from its `ready`-th value on.

    At a missing value it is NaN and holds what it knew: later bars are as if that bar did not exist.
    """
    out = np.empty(values.shape)
    _smooth_series(values, table, ready, out)
    return out


def mean_last(values: FloatArray, first: IntArray, table: FloatArray, ready: int, tail: int) -> FloatArray:
    """`mean_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols]."""
    out = np.empty((tail, values.shape[1]))
    _smooth_last(values, first, table.reshape(1, -1), ready, out)
    return out
