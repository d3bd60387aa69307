"""Operations over the newest `period` rows of many Symbols side by side, for the rows at which they are asked for.

A sum is one fixed tree: pairs, pairs of pairs, … of neighbours, and one such block for each binary digit of the
period, the smallest newest. So it is a function of its window alone, whichever way it is asked for.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import NUMBER, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, kernel

ROW = kernel(VOID, SERIES, SERIES_OUT)
ROW_WITH_MEAN = kernel(VOID, SERIES, SERIES, SERIES_OUT)


@ROW
def copy_row(x: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = x[i]


@kernel(VOID, NUMBER, SERIES_OUT)
def fill_row(value: float, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = value


@ROW
def add_row(x: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] += x[i]


@ROW_WITH_MEAN
def add_rows(x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = x[i] + y[i]


@ROW
def higher_row(x: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = x[i] if (x[i] > z[i]) | (x[i] != x[i]) else z[i]


@ROW
def lower_row(x: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = x[i] if (x[i] < z[i]) | (x[i] != x[i]) else z[i]


@kernel(VOID, SERIES, NUMBER, SERIES_OUT, SERIES_OUT)
def newer_high_row(x: FloatArray, back: float, best: FloatArray, z: FloatArray) -> None:
    """The largest so far, from the newest bar backwards, and how many bars back it is; NaN once one is missing."""
    for i in range(z.size):
        z[i] = back if x[i] > best[i] else z[i]
        best[i] = x[i] if (x[i] > best[i]) | (x[i] != x[i]) else best[i]


@kernel(VOID, SERIES, NUMBER, SERIES_OUT, SERIES_OUT)
def newer_low_row(x: FloatArray, back: float, best: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = back if x[i] < best[i] else z[i]
        best[i] = x[i] if (x[i] < best[i]) | (x[i] != x[i]) else best[i]


@kernel(VOID, SERIES, NUMBER, SERIES_OUT)
def weigh_row(x: FloatArray, weight: float, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] += weight * x[i]


@kernel(VOID, SERIES, SERIES, NUMBER, SERIES_OUT)
def tilt_row(x: FloatArray, mean: FloatArray, weight: float, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] += weight * (x[i] - mean[i])


@ROW_WITH_MEAN
def square_row(x: FloatArray, mean: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        away = x[i] - mean[i]
        z[i] += away * away


@ROW_WITH_MEAN
def distance_row(x: FloatArray, mean: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] += abs(x[i] - mean[i])


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, SERIES_OUT)
def product_row(x: FloatArray, y: FloatArray, mean: FloatArray, other: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] += (x[i] - mean[i]) * (y[i] - other[i])


@ROW_WITH_MEAN
def below_row(x: FloatArray, now: FloatArray, z: FloatArray) -> None:
    for i in range(z.size):
        one = z[i] + 1.0 if x[i] <= now[i] else z[i]
        z[i] = one if (x[i] == x[i]) & (now[i] == now[i]) else np.nan


@kernel(VOID, NUMBER, SERIES_OUT)
def divide_row(by: float, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] /= by


@kernel(VOID, NUMBER, SERIES_OUT)
def root_row(by: float, z: FloatArray) -> None:
    for i in range(z.size):
        z[i] = np.sqrt(z[i] / by)


@kernel(VOID, SERIES, NUMBER, SERIES_OUT)
def fit_row(squares: FloatArray, of_bars: float, z: FloatArray) -> None:
    """From the sum of products with the bars' own: the share of the squares that a line explains."""
    for i in range(z.size):
        both = of_bars * squares[i]
        explained = z[i] * z[i] / both
        z[i] = explained if both > 0.0 else np.nan


@kernel(NUMBER, SERIES, SERIES, SERIES, WHOLE, SERIES_OUT)
def busiest(low: FloatArray, high: FloatArray, weight: FloatArray, bins: int, falls: FloatArray) -> float:
    """Middle of the bin to which most weight falls, of one Symbol's window."""
    bottom, top, weighs = np.inf, -np.inf, 0.0
    for bar in range(low.size):
        bottom, top = min(bottom, low[bar]), max(top, high[bar])
        weighs += weight[bar] + low[bar] + high[bar]
    step = (top - bottom) / bins
    if weighs != weighs:
        return float(np.nan)
    if step == 0.0:
        return float(bottom)
    falls[:] = 0.0
    for bar in range(low.size):
        length = high[bar] - low[bar]
        begin = min(int((low[bar] - bottom) / step), bins - 1)
        end = min(int((high[bar] - bottom) / step), bins - 1)
        for place in range(begin, end + 1):
            left = max(low[bar], bottom + place * step)
            right = min(high[bar], bottom + (place + 1) * step)
            falls[place] += weight[bar] * (1.0 if length == 0.0 else (right - left) / length)
    most = 0
    for place in range(1, bins):
        if falls[place] > falls[most] * (1.0 + 1e-9):  # what is heavier by rounding only is not heavier
            most = place
    return float(bottom + (most + 0.5) * step)
