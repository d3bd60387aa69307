"""Swings of a price: a causal zigzag whose threshold follows the volatility (a multiple of ATR over close).

At each bar only older bars are known, so a swing once confirmed never changes when later bars arrive.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import COUNTS, NUMBER, PANEL_OUT, SERIES, SERIES_OUT, VOID, WHOLE, CountArray, FloatArray, kernel

RANGE_BARS = 14  # of the average true range
RANGES = 1.5  # a swing is this many average ranges ...
SHARE_MIN, SHARE_MAX = 0.02, 0.10  # ... but at least and at most this share of the price

# Rows of `found`, one column a swing.
AT, PRICE, IS_HIGH, CONFIRMED_AT = 0, 1, 2, 3
SWING_ROWS = 4

# `state` after the last bar: how many swings are confirmed, which way the price goes, where its newest extreme is.
COUNT, DIRECTION, EXTREME_AT = 0, 1, 2
STATE_SIZE = 3


@kernel(VOID, SERIES, SERIES, SERIES, SERIES_OUT)
def average_range(high: FloatArray, low: FloatArray, close: FloatArray, out: FloatArray) -> None:
    """Wilder's mean of the true range [bars], the first bar's range counted; NaN before the RANGE_BARS-th bar."""
    mean = 0.0
    for bar in range(close.size):
        wide = high[bar] - low[bar]
        if bar > 0:
            wide = max(wide, max(abs(high[bar] - close[bar - 1]), abs(low[bar] - close[bar - 1])))
        seen = min(bar, RANGE_BARS - 1)
        mean = wide + seen / (seen + 1) * (mean - wide)
        out[bar] = mean if bar >= RANGE_BARS - 1 else np.nan


@kernel(NUMBER, NUMBER, NUMBER)
def threshold(mean_range: float, close: float) -> float:
    """The share of the price that turns it, 0 to 1; the largest while there is no average range."""
    if mean_range != mean_range:
        return SHARE_MAX
    return min(max(RANGES * mean_range / close, SHARE_MIN), SHARE_MAX)


@kernel(WHOLE, SERIES, WHOLE, WHOLE)
def _lowest_at(low: FloatArray, begin: int, end: int) -> int:
    """Where the lowest of low[begin:end] stands, the oldest of equal ones."""
    at = begin
    for bar in range(begin + 1, end):
        if low[bar] < low[at]:
            at = bar
    return at


@kernel(WHOLE, SERIES, WHOLE, WHOLE)
def _highest_at(high: FloatArray, begin: int, end: int) -> int:
    at = begin
    for bar in range(begin + 1, end):
        if high[bar] > high[at]:
            at = bar
    return at


@kernel(WHOLE, PANEL_OUT, WHOLE, WHOLE, NUMBER, WHOLE, WHOLE)
def _confirm(found: FloatArray, count: int, at: int, price: float, is_high: int, bar: int) -> int:
    found[AT, count] = at
    found[PRICE, count] = price
    found[IS_HIGH, count] = is_high
    found[CONFIRMED_AT, count] = bar
    return count + 1


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, PANEL_OUT, COUNTS)
def find_swings(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    mean_range: FloatArray,
    found: FloatArray,
    state: CountArray,
) -> None:
    """All confirmed swings of one series [bars] into `found` [SWING_ROWS, at least bars], and the `state` at its end.

    A new extreme is strictly beyond the old one, and its bar cannot confirm the turn away from it. Before the first
    turn the highest high and the lowest low are both kept; the first move between them that is large enough decides.
    """
    count = 0
    direction = 0
    top = bottom = extreme = 0
    for bar in range(close.size):
        share = threshold(mean_range[bar], close[bar])
        if direction > 0:
            if high[bar] > high[extreme]:
                extreme = bar
            elif low[bar] <= high[extreme] * (1.0 - share):
                count = _confirm(found, count, extreme, high[extreme], 1, bar)
                extreme = _lowest_at(low, extreme + 1, bar + 1)
                direction = -1
        elif direction < 0:
            if low[bar] < low[extreme]:
                extreme = bar
            elif high[bar] >= low[extreme] * (1.0 + share):
                count = _confirm(found, count, extreme, low[extreme], 0, bar)
                extreme = _highest_at(high, extreme + 1, bar + 1)
                direction = 1
        else:
            top = bar if high[bar] > high[top] else top
            bottom = bar if low[bar] < low[bottom] else bottom
            if top > bottom and high[top] >= low[bottom] * (1.0 + share):
                count = _confirm(found, count, bottom, low[bottom], 0, bar)
                extreme, direction = top, 1
            elif bottom > top and low[bottom] <= high[top] * (1.0 - share):
                count = _confirm(found, count, top, high[top], 1, bar)
                extreme, direction = bottom, -1
    state[COUNT] = count
    state[DIRECTION] = direction
    state[EXTREME_AT] = extreme


def swings(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Confirmed swings of one Symbol's bars: [SWING_ROWS, swings], rows AT, PRICE, IS_HIGH, CONFIRMED_AT."""
    mean_range = np.empty(close.size)
    average_range(high, low, close, mean_range)
    found = np.empty((SWING_ROWS, close.size + 1))
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    find_swings(high, low, close, mean_range, found, state)
    return found[:, : state[COUNT]].copy()
