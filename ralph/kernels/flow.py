"""On-balance volume: volume added when the close rises, taken away when it falls."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import PANEL, PANEL_OUT, ROWS, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, IntArray, kernel
from ralph.kernels.lanes import BLOCK, ORDER, STARTED, arrange, wake


@kernel(VOID, SERIES, SERIES, WHOLE, SERIES_OUT)
def _obv_series(close: FloatArray, volume: FloatArray, opening: int, out: FloatArray) -> None:
    total = 0.0
    for bar in range(close.size):
        if bar == 0:
            total = volume[0] if opening else 0.0
        elif close[bar] > close[bar - 1]:
            total += volume[bar]
        elif close[bar] < close[bar - 1]:
            total -= volume[bar]
        out[bar] = total


@kernel(VOID, SERIES, SERIES, SERIES, SERIES_OUT)
def _flow_row(now: FloatArray, before: FloatArray, volume: FloatArray, total: FloatArray) -> None:
    for lane in range(total.size):
        rising = volume[lane] if now[lane] > before[lane] else 0.0
        total[lane] += -volume[lane] if now[lane] < before[lane] else rising


@kernel(VOID, SERIES, ROWS, WHOLE, SERIES_OUT)
def _publish_row(total: FloatArray, first: IntArray, row: int, out: FloatArray) -> None:
    for lane in range(out.size):
        out[lane] = total[lane] if first[lane] <= row else np.nan


@kernel(VOID, PANEL, PANEL, ROWS, WHOLE, PANEL_OUT)
def _obv_last(close: FloatArray, volume: FloatArray, first: IntArray, opening: int, out: FloatArray) -> None:
    height, width = close.shape
    top = height - out.shape[0]
    out[: max(0, -top)] = np.nan
    for left in range(0, width, BLOCK):
        right = min(left + BLOCK, width)
        begins = first[left:right]
        lanes = arrange(begins, height)
        cursor = np.zeros(2, dtype=np.int64)
        total = np.zeros(right - left)
        for row in range(height):
            _flow_row(close[row, left:right], close[max(row - 1, 0), left:right], volume[row, left:right], total)
            for place in range(wake(row, begins, lanes, cursor), cursor[STARTED]):
                lane = lanes[ORDER, place]
                total[lane] = volume[row, left + lane] if opening else 0.0
            cursor[1] = 0  # nothing warms up here
            if row >= top:
                _publish_row(total, begins, row, out[row - top, left:right])


def obv_series(close: FloatArray, volume: FloatArray, *, opening: bool) -> FloatArray:
    """Volume by direction since the first bar [bars]; `opening`: it begins with the first bar's volume, not with 0."""
    out = np.empty(close.shape)
    _obv_series(close, volume, opening, out)
    return out


def obv_last(close: FloatArray, volume: FloatArray, first: IntArray, *, opening: bool, tail: int) -> FloatArray:
    """`obv_series` of every column [bars, symbols] from its `first` row on: the newest rows [tail, symbols]."""
    out = np.empty((tail, close.shape[1]))
    _obv_last(close, volume, first, opening, out)
    return out
