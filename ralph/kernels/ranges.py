"""Average true range: the mean of each bar's range including the gap from the close before it (Wilder)."""

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
from ralph.kernels.lanes import AGE, ORDER, STARTED, WIDE_BLOCK, arrange, grow, publish_row, wake
from ralph.kernels.smoothing import mean_table


@kernel(NUMBER, NUMBER, NUMBER, NUMBER)
def true_range(high: float, low: float, before: float) -> float:
    """The range of a bar and the close before it."""
    widest = high - low
    above = abs(high - before)
    below = abs(low - before)
    widest = max(widest, above)
    return max(widest, below)


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, WHOLE, WHOLE, SERIES_OUT)
def _atr_series(
    high: FloatArray, low: FloatArray, close: FloatArray, table: FloatArray, ready: int, opening: int, out: FloatArray
) -> None:
    mean = 0.0
    for bar in range(close.size):
        age = min(bar + 1, table.size - 1)
        if bar > 0:
            wide = true_range(high[bar], low[bar], close[bar - 1])
            mean = wide + table[age] * (mean - wide)
        elif opening:
            mean = high[bar] - low[bar]
        out[bar] = mean if age >= ready else np.nan


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, SERIES_OUT)
def _range_row(high: FloatArray, low: FloatArray, before: FloatArray, keep: FloatArray, mean: FloatArray) -> None:
    for lane in range(mean.size):
        wide = true_range(high[lane], low[lane], before[lane])
        mean[lane] = wide + keep[lane] * (mean[lane] - wide)


@kernel(VOID, PANEL, PANEL, PANEL, ROWS, PANEL, WHOLE, WHOLE, PANEL_OUT)
def _atr_last(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    first: IntArray,
    table: FloatArray,
    ready: int,
    opening: int,
    out: FloatArray,
) -> None:
    height, width = close.shape
    top = height - out.shape[0]
    out[: max(0, -top)] = np.nan
    for left in range(0, width, WIDE_BLOCK):
        right = min(left + WIDE_BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        keep = np.zeros((1, right - left))
        mean = np.zeros(right - left)
        for row in range(height):
            now = close[row, left:right]
            before = close[max(row - 1, 0), left:right]
            woken = wake(row, begins, lanes, cursor)
            grow(now, table, lanes, cursor, keep)
            _range_row(high[row, left:right], low[row, left:right], before, keep[0], mean)
            for place in range(woken, cursor[STARTED]):  # what stood above a column's first bar does not count
                lane = lanes[ORDER, place]
                mean[lane] = high[row, left + lane] - low[row, left + lane] if opening else 0.0
            if row >= top:
                publish_row(mean, now, lanes[AGE], ready, out[row - top, left:right])


def _table(period: int, opening: bool) -> tuple[FloatArray, int]:
    """`keep` by bars seen, and from how many on there is a mean. Without the opening range the first bar is skipped."""
    skip = 0 if opening else 1
    return mean_table(period, 1.0 / period, skip), period + skip


def atr_series(high: FloatArray, low: FloatArray, close: FloatArray, period: int, *, opening: bool) -> FloatArray:
    """Average true range at each bar [bars].

    `opening`: the first bar, which has no close before it, counts as high - low; otherwise the second is the first.
    """
    out = np.empty(close.shape)
    table, ready = _table(period, opening)
    _atr_series(high, low, close, table, ready, opening, out)
    return out


def atr_last(
    high: FloatArray, low: FloatArray, close: FloatArray, first: IntArray, period: int, *, opening: bool, tail: int
) -> FloatArray:
    """`atr_series` of every column [bars, symbols] from its `first` row on: the newest rows [tail, symbols]."""
    out = np.empty((tail, close.shape[1]))
    table, ready = _table(period, opening)
    _atr_last(high, low, close, first, table.reshape(1, -1), ready, opening, out)
    return out
