"""Bollinger bands: a mean and so many population standard deviations above and below it.

The deviation is computed in two passes over each window (the mean, then the squares about it); every running form loses
its digits when a price level leaves the window.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import NUMBER, PANEL, PANEL_OUT, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, IntArray, kernel
from ralph.kernels.windows import mean_last, mean_series

CHUNK = 1_024  # bars whose sums are built up together in the first-level cache


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def _add_squares(values: FloatArray, mean: FloatArray, sums: FloatArray) -> None:
    for place in range(sums.size):
        away = values[place] - mean[place]
        sums[place] += away * away


@kernel(VOID, SERIES, NUMBER, WHOLE, SERIES_OUT)
def _widths(sums: FloatArray, mult: float, period: int, out: FloatArray) -> None:
    for place in range(out.size):
        out[place] = mult * np.sqrt(sums[place] / period)


@kernel(VOID, SERIES, SERIES, WHOLE, NUMBER, SERIES_OUT)
def _width_series(values: FloatArray, mean: FloatArray, period: int, mult: float, out: FloatArray) -> None:
    out[: period - 1] = np.nan
    for begin in range(period - 1, values.size, CHUNK):
        end = min(begin + CHUNK, values.size)
        sums = np.zeros(end - begin)
        for back in range(period - 1, -1, -1):
            _add_squares(values[begin - back : end - back], mean[begin:end], sums)
        _widths(sums, mult, period, out[begin:end])


@kernel(VOID, PANEL, PANEL, WHOLE, NUMBER, PANEL_OUT)
def _width_last(values: FloatArray, mean: FloatArray, period: int, mult: float, out: FloatArray) -> None:
    height, width = values.shape
    oldest = height - out.shape[0]
    out[:] = np.nan
    for left in range(0, width, CHUNK):
        right = min(left + CHUNK, width)
        for row in range(max(oldest, period - 1), height):
            sums = np.zeros(right - left)
            for back in range(period - 1, -1, -1):
                _add_squares(values[row - back, left:right], mean[row - oldest, left:right], sums)
            _widths(sums, mult, period, out[row - oldest, left:right])


def bands_series(values: FloatArray, period: int, mult: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Middle, upper and lower band at each bar [bars]; NaN where a value of the window is missing."""
    middle = mean_series(values, period)
    width = np.empty(values.shape)
    _width_series(values, middle, period, mult, width)
    return middle, middle + width, middle - width


def bands_last(
    values: FloatArray, first: IntArray, period: int, mult: float, tail: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`bands_series` of every column of `values` [bars, symbols] from its `first` row on: [tail, symbols] each."""
    middle = mean_last(values, first, period, tail)
    width = np.empty(middle.shape)
    _width_last(values, middle, period, mult, width)
    return middle, middle + width, middle - width
