"""Relative strength index: the share of rises in the movement, both smoothed as Wilder does.

Rises and falls are kept as decaying sums `keep * sum + value`; their scale cancels in the share.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    COUNTS,
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
from ralph.kernels.lanes import AGE, BLOCK, ORDER, STARTED, arrange, grow, wake


def sum_table(period: int, terms: int) -> FloatArray:
    """`keep` by age of a sum of `terms` values that then decays by 1 / period a bar."""
    return np.array([0.0, 0.0] + [1.0] * (terms - 1) + [1.0 - 1.0 / period])


@kernel(NUMBER, NUMBER, NUMBER, NUMBER)
def _share(rises: float, falls: float, flat: float) -> float:
    if rises + falls == 0.0:
        return flat
    return 100.0 * (rises / (rises + falls))


@kernel(VOID, SERIES, SERIES, WHOLE, NUMBER, SERIES_OUT)
def _rsi_series(values: FloatArray, table: FloatArray, ready: int, flat: float, out: FloatArray) -> None:
    rises = 0.0
    falls = 0.0
    before = np.nan
    age = -1
    for bar in range(values.size):
        value = values[bar]
        if value != value:
            out[bar] = np.nan
            continue
        age = min(age + 1, table.size - 1)
        move = value - before
        if age > 0:
            rises = table[age] * rises + (max(0.0, move))
            falls = table[age] * falls + (-move if move < 0.0 else 0.0)
        before = value
        out[bar] = _share(rises, falls, flat) if age >= ready else np.nan


@kernel(VOID, SERIES, SERIES, SERIES, NUMBER, SERIES_OUT)
def _move_row(now: FloatArray, before: FloatArray, keep: FloatArray, sign: float, sums: FloatArray) -> None:
    """Add the moves of one direction; a missing one changes nothing."""
    for lane in range(sums.size):
        move = sign * (now[lane] - before[lane])
        moved = keep[lane] * sums[lane] + (max(0.0, move))
        sums[lane] = moved if move == move else sums[lane]


@kernel(VOID, SERIES, SERIES_OUT)
def _remember_row(now: FloatArray, before: FloatArray) -> None:
    for lane in range(before.size):
        before[lane] = now[lane] if now[lane] == now[lane] else before[lane]


@kernel(VOID, SERIES, SERIES, NUMBER, SERIES, COUNTS, WHOLE, SERIES_OUT)
def _share_row(
    rises: FloatArray, falls: FloatArray, flat: float, now: FloatArray, age: CountArray, ready: int, out: FloatArray
) -> None:
    for lane in range(out.size):
        valid = age[lane] >= ready and now[lane] == now[lane]
        out[lane] = _share(rises[lane], falls[lane], flat) if valid else np.nan


@kernel(VOID, PANEL, ROWS, PANEL, WHOLE, NUMBER, PANEL_OUT)
def _rsi_last(values: FloatArray, first: IntArray, table: FloatArray, ready: int, flat: float, out: FloatArray) -> None:
    height, width = values.shape
    top = height - out.shape[0]
    out[: max(0, -top)] = np.nan
    for left in range(0, width, BLOCK):
        right = min(left + BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        keep = np.zeros((1, right - left))
        sums = np.zeros((2, right - left))
        before = np.full(right - left, np.nan)
        for row in range(height):
            now = values[row, left:right]
            for place in range(wake(row, begins, lanes, cursor), cursor[STARTED]):
                lane = lanes[ORDER, place]
                sums[:, lane] = 0.0
                before[lane] = np.nan
            grow(now, table, lanes, cursor, keep)
            _move_row(now, before, keep[0], 1.0, sums[0])
            _move_row(now, before, keep[0], -1.0, sums[1])
            _remember_row(now, before)
            if row >= top:
                _share_row(sums[0], sums[1], flat, now, lanes[AGE], ready + 1, out[row - top, left:right])


def rsi_series(values: FloatArray, period: int, flat: float) -> FloatArray:
    """RSI at each bar [bars]; `flat` where nothing has moved. A missing value is NaN, as if the bar did not exist."""
    out = np.empty(values.shape)
    _rsi_series(values, sum_table(period, period), period, flat, out)
    return out


def rsi_last(values: FloatArray, first: IntArray, period: int, flat: float, tail: int) -> FloatArray:
    """`rsi_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols]."""
    out = np.empty((tail, values.shape[1]))
    # One age later than in a series of moves: a column's first value is not yet a move.
    table = np.concatenate(([0.0], sum_table(period, period))).reshape(1, -1)
    _rsi_last(values, first, table, period, flat, out)
    return out
