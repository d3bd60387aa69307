"""MACD: a fast exponential mean less a slow one, the signal (an exponential mean of that), and the distance to it."""

from __future__ import annotations

import numpy as np

from ralph.kernels import smoothing
from ralph.kernels.jit import CUBE_OUT, PANEL, ROWS, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, IntArray, kernel
from ralph.kernels.lanes import AGE, BLOCK, arrange, grow, publish_row, wake
from ralph.kernels.smoothing import mean_table, smooth_row

FAST, SLOW, SIGNAL = 0, 1, 2


@kernel(VOID, SERIES, SERIES, SERIES, SERIES_OUT)
def _apart_row(fast: FloatArray, slow: FloatArray, now: FloatArray, out: FloatArray) -> None:
    for lane in range(out.size):
        out[lane] = fast[lane] - slow[lane] if now[lane] == now[lane] else np.nan


@kernel(VOID, PANEL, ROWS, PANEL, WHOLE, WHOLE, CUBE_OUT)
def _macd_last(
    values: FloatArray, first: IntArray, tables: FloatArray, ready: int, signal_ready: int, out: FloatArray
) -> None:
    height, width = values.shape
    top = height - out.shape[1]
    out[:, : max(0, -top)] = np.nan
    for left in range(0, width, BLOCK):
        right = min(left + BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        keep = np.zeros((3, right - left))
        means = np.zeros((3, right - left))
        apart = np.zeros(right - left)
        for row in range(height):
            now = values[row, left:right]
            wake(row, begins, lanes, cursor)
            grow(now, tables, lanes, cursor, keep)
            smooth_row(now, keep[FAST], means[FAST])
            smooth_row(now, keep[SLOW], means[SLOW])
            _apart_row(means[FAST], means[SLOW], now, apart)
            smooth_row(apart, keep[SIGNAL], means[SIGNAL])
            if row >= top:
                publish_row(apart, now, lanes[AGE], ready, out[0, row - top, left:right])
                publish_row(means[SIGNAL], now, lanes[AGE], signal_ready, out[1, row - top, left:right])


def _tables(fast: int, slow: int, signal: int, together: bool) -> FloatArray:
    """`keep` of the three means by values seen."""
    longest = max(fast, slow)
    tables = [
        mean_table(fast, 2.0 / (fast + 1), longest - fast if together else 0),
        mean_table(slow, 2.0 / (slow + 1), longest - slow if together else 0),
        mean_table(signal, 2.0 / (signal + 1), longest - 1),
    ]
    length = max(table.size for table in tables)
    return np.stack([np.concatenate([table, np.full(length - table.size, table[-1])]) for table in tables])


def macd_series(values: FloatArray, fast: int, slow: int, signal: int, *, together: bool) -> FloatArray:
    """MACD, signal and their distance at each bar [3, bars].

    `together`: the shorter mean is seeded with the values just before the longer one's first (TA-Lib), so that both
    begin on one bar, and nothing is published before the signal; otherwise each begins as early as it can.
    A missing value is NaN, as if the bar did not exist.
    """
    tables = _tables(fast, slow, signal, together)
    longest = max(fast, slow)
    apart = smoothing.mean_series(values, tables[FAST], longest)
    apart -= smoothing.mean_series(values, tables[SLOW], longest)
    line = smoothing.mean_series(apart, tables[SIGNAL, longest - 1 :], signal)
    if together:
        apart[np.isnan(line)] = np.nan
    return np.stack([apart, line, apart - line])


def macd_last(
    values: FloatArray, first: IntArray, fast: int, slow: int, signal: int, *, together: bool, tail: int
) -> FloatArray:
    """`macd_series` of every column of `values` [bars, symbols] from its `first` row on: [3, tail, symbols]."""
    out = np.empty((3, tail, values.shape[1]))
    signal_ready = max(fast, slow) + signal - 1
    ready = signal_ready if together else max(fast, slow)
    _macd_last(values, first, _tables(fast, slow, signal, together), ready, signal_ready, out)
    np.subtract(out[0], out[1], out=out[2])
    return out
