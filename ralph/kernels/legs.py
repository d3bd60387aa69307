"""Contractions: swing highs with the lows after them, their durations and their volumes."""

from __future__ import annotations

import numpy as np

from ralph.kernels.base_rows import (
    BARS_DOWN,
    BARS_UP,
    CONFIRMED,
    DEPTH,
    HIGH,
    HIGH_AT,
    LEG_ROWS,
    LEGS_MAX,
    LOW,
    LOW_AT,
    VOLUME_BARS,
    VOLUME_MEAN,
    VOLUME_SHARE,
    VOLUME_SLOPE,
)
from ralph.kernels.jit import COUNTS, NUMBER, PANEL, PANEL_OUT, SERIES, VOID, WHOLE, CountArray, FloatArray, kernel
from ralph.kernels.swings import AT, COUNT, EXTREME_AT, IS_HIGH, PRICE


@kernel(NUMBER, SERIES, WHOLE, WHOLE)
def mean_of(values: FloatArray, begin: int, end: int) -> float:
    """The mean of values[begin:end]; NaN where that begins before the first or is empty."""
    if begin < 0 or end <= begin:
        return np.nan
    total = 0.0
    for bar in range(begin, end):
        total += values[bar]
    return total / (end - begin)


@kernel(NUMBER, SERIES, WHOLE, WHOLE)
def _volume_slope(volume: FloatArray, begin: int, end: int) -> float:
    """Theil-Sen slope of ln volume a bar over volume[begin:end]: the median of all pairs; NaN with fewer than two."""
    slopes = np.empty((end - begin) * (end - begin) // 2)
    count = 0
    for later in range(begin + 1, end):
        for earlier in range(begin, later):
            if volume[later] > 0.0 and volume[earlier] > 0.0:
                slopes[count] = (np.log(volume[later]) - np.log(volume[earlier])) / (later - earlier)
                count += 1
    middle: float = np.median(slopes[:count]) if count else np.nan
    return middle


@kernel(WHOLE, PANEL, SERIES, SERIES, COUNTS, PANEL_OUT)
def newest_legs(found: FloatArray, high: FloatArray, low: FloatArray, state: CountArray, legs: FloatArray) -> int:
    """The newest contractions, oldest first, HIGH_AT to DEPTH and CONFIRMED into `legs` [LEG_ROWS, LEGS_MAX]."""
    count = int(state[COUNT])
    pairs = 0
    for place in range(count):
        pairs += found[IS_HIGH, place] == 1.0
    skipped = max(0, pairs - LEGS_MAX)
    leg = -skipped
    for place in range(count):
        if found[IS_HIGH, place] != 1.0:
            continue
        if leg >= 0:
            closed = place + 1 < count
            low_at = int(found[AT, place + 1]) if closed else int(state[EXTREME_AT])
            legs[HIGH_AT, leg] = found[AT, place]
            legs[HIGH, leg] = found[PRICE, place]
            legs[LOW_AT, leg] = low_at
            legs[LOW, leg] = low[low_at]
            legs[DEPTH, leg] = 1.0 - low[low_at] / found[PRICE, place]
            legs[CONFIRMED, leg] = 1.0 if closed else 0.0
        leg += 1
    return pairs - skipped


@kernel(VOID, PANEL, WHOLE, WHOLE, PANEL_OUT)
def copy_legs(found: FloatArray, begin: int, end: int, legs: FloatArray) -> None:
    """Plain loops here and in `bases`: an expression of whole arrays takes seconds to compile."""
    for row in range(LEG_ROWS):
        for leg in range(begin, end):
            legs[row, leg - begin] = found[row, leg]


@kernel(VOID, SERIES, PANEL, WHOLE, PANEL_OUT)
def describe_legs(volume: FloatArray, found: FloatArray, count: int, legs: FloatArray) -> None:
    """Durations and volumes of a base's legs [LEG_ROWS, LEGS_MAX], the first `count` of them."""
    copy_legs(found, 0, count, legs)
    for leg in range(count):
        high_at, low_at = int(found[HIGH_AT, leg]), int(found[LOW_AT, leg])
        legs[BARS_DOWN, leg] = low_at - high_at
        later = found[HIGH_AT, leg + 1] if leg + 1 < count else np.nan
        legs[BARS_UP, leg] = later - low_at
        legs[VOLUME_MEAN, leg] = mean_of(volume, high_at + 1, low_at + 1)
        legs[VOLUME_SHARE, leg] = legs[VOLUME_MEAN, leg] / mean_of(volume, high_at - VOLUME_BARS + 1, high_at + 1)
        legs[VOLUME_SLOPE, leg] = _volume_slope(volume, high_at + 1, low_at + 1)
