"""What windows do with rows of many Symbols side by side: add up, compare, measure distances; `n` numbers at a time."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import Pointer, leaf
from ralph.kernels.opcodes import (
    ABSOLUTE_DEVIATION,
    COVARIANCE,
    DEVIATION,
    TREND_FIT,
    TREND_SLOPE,
    WEIGHTED_MEAN,
)


@leaf
def add_four(a: Pointer, b: Pointer, c: Pointer, d: Pointer, z: Pointer, n: int) -> None:
    """In pairs."""
    for i in range(n):
        z[i] = (a[i] + b[i]) + (c[i] + d[i])


@leaf
def higher(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value, most = x[i], z[i]
        z[i] = value if (value > most) | (value != value) else most


@leaf
def lower(x: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value, least = x[i], z[i]
        z[i] = value if (value < least) | (value != value) else least


@leaf
def newer_high(x: Pointer, best: Pointer, z: Pointer, n: int, back: float) -> None:
    """The largest so far, from the newest bar backwards, and how many bars back it is; NaN once one is missing."""
    for i in range(n):
        value, most, since = x[i], best[i], z[i]
        since = back if value > most else since
        most = value if (value > most) | (value != value) else most
        best[i] = most
        z[i] = since if most == most else np.nan


@leaf
def newer_low(x: Pointer, best: Pointer, z: Pointer, n: int, back: float) -> None:
    for i in range(n):
        value, least, since = x[i], best[i], z[i]
        since = back if value < least else since
        least = value if (value < least) | (value != value) else least
        best[i] = least
        z[i] = since if least == least else np.nan


@leaf
def weigh(x: Pointer, z: Pointer, n: int, weight: float) -> None:
    for i in range(n):
        z[i] += weight * x[i]


@leaf
def tilt(x: Pointer, mean: Pointer, z: Pointer, n: int, weight: float) -> None:
    for i in range(n):
        z[i] += weight * (x[i] - mean[i])


@leaf
def square(x: Pointer, mean: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        away = x[i] - mean[i]
        z[i] += away * away


@leaf
def distance(x: Pointer, mean: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] += abs(x[i] - mean[i])


@leaf
def product(x: Pointer, y: Pointer, mean: Pointer, other: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] += (x[i] - mean[i]) * (y[i] - other[i])


@leaf
def below(x: Pointer, now: Pointer, z: Pointer, n: int) -> None:
    for i in range(n):
        value, newest, count = x[i], now[i], z[i]
        count = count + 1.0 if value <= newest else count
        z[i] = count if (value == value) & (newest == newest) else np.nan


@leaf
def divide_by(by: float, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] /= by


@leaf
def root_of_mean(by: float, z: Pointer, n: int) -> None:
    for i in range(n):
        z[i] = np.sqrt(z[i] / by)


@leaf
def fit(squares: Pointer, of_bars: float, z: Pointer, n: int) -> None:
    """From the sum of products with the bars' own: the share of the squares that a line explains."""
    for i in range(n):
        both = of_bars * squares[i]
        explained = z[i] * z[i] / both
        z[i] = explained if both > 0.0 else np.nan


@leaf
def spread(
    op: int,
    x: Pointer,
    mean: Pointer,
    y: Pointer,
    other: Pointer,
    z: Pointer,
    squares: Pointer,
    n: int,
    back: int,
    period: int,
) -> None:
    """One bar of a window, added to what stands at `z` (and `squares`)."""
    if op == WEIGHTED_MEAN:
        weigh(x, z, n, float(period - back))
    elif op == DEVIATION:
        square(x, mean, z, n)
    elif op == ABSOLUTE_DEVIATION:
        distance(x, mean, z, n)
    elif op == COVARIANCE:
        product(x, y, mean, other, z, n)
    else:
        tilt(x, mean, z, n, (period - 1) / 2.0 - back)
        if op == TREND_FIT:
            square(x, mean, squares, n)


@leaf
def finish(op: int, z: Pointer, squares: Pointer, n: int, period: int) -> None:
    """What the sum of a window's bars makes."""
    of_bars = period * (period * period - 1) / 12.0
    if op == WEIGHTED_MEAN:
        divide_by(period * (period + 1) / 2.0, z, n)
    elif op == DEVIATION:
        root_of_mean(float(period), z, n)
    elif op == TREND_SLOPE:
        divide_by(of_bars, z, n)
    elif op == TREND_FIT:
        fit(squares, of_bars, z, n)
    else:
        divide_by(float(period), z, n)


@leaf
def busiest(bars: Pointer, period: int, bins: int, falls: Pointer) -> float:
    """Middle of the bin to which most weight falls, of one Symbol's window: `bars` lows, highs and weights."""
    bottom, top, weighs = np.inf, -np.inf, 0.0
    for bar in range(period):
        low, high = bars[bar], bars[period + bar]
        bottom, top = min(bottom, low), max(top, high)
        weighs += bars[2 * period + bar] + low + high
    step = (top - bottom) / bins
    if weighs != weighs:
        return np.nan
    if step == 0.0:
        return bottom
    for place in range(bins):
        falls[place] = 0.0
    for bar in range(period):
        low, high = bars[bar], bars[period + bar]
        begin = min(int((low - bottom) / step), bins - 1)
        end = min(int((high - bottom) / step), bins - 1)
        for place in range(begin, end + 1):
            left = max(low, bottom + place * step)
            right = min(high, bottom + (place + 1) * step)
            falls[place] += bars[2 * period + bar] * (1.0 if high == low else (right - left) / (high - low))
    most = 0
    for place in range(1, bins):
        if falls[place] > falls[most] * (1.0 + 1e-9):  # what is heavier by rounding only is not heavier
            most = place
    return bottom + (most + 0.5) * step
