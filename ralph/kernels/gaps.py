"""How far two lines usually lie apart, and what of a result is a number."""

from __future__ import annotations

import math

import numpy as np

from ralph.kernels.jit import PANEL, PANEL_OUT, SERIES_OUT, VOID, FloatArray, Pointer, hold, kernel, leaf, start_of

FEW = 12  # numbers that are put in order one by one


@leaf
def split(x: Pointer, low: int, high: int, pivot: float) -> int:
    """Puts what is below the pivot first: where the others begin. It branches nowhere."""
    place = low
    for i in range(low, high):
        value = x[i]
        x[i] = x[place]
        x[place] = value
        place += 1 if value < pivot else 0
    return place


@leaf
def split_same(x: Pointer, low: int, high: int, pivot: float) -> int:
    """Puts what is not above the pivot first."""
    place = low
    for i in range(low, high):
        value = x[i]
        x[i] = x[place]
        x[place] = value
        place += 1 if value <= pivot else 0
    return place


@leaf
def middle_of(x: float, y: float, z: float) -> float:
    return max(min(x, y), min(max(x, y), z))


@leaf
def likely(x: Pointer, low: int, high: int) -> float:
    """A number near the middle of these: of nine that are spread over them, the middle one of three middle ones."""
    step = (high - 1 - low) >> 3
    return middle_of(
        middle_of(x[low], x[low + step], x[low + 2 * step]),
        middle_of(x[low + 3 * step], x[low + 4 * step], x[low + 5 * step]),
        middle_of(x[low + 6 * step], x[low + 7 * step], x[high - 1]),
    )


@leaf
def select(x: Pointer, count: int, wanted: int) -> None:
    """The number at `wanted` is then the one that an ascending order has there; none before it is greater."""
    low, high = 0, count
    while high - low > FEW:
        pivot = likely(x, low, high)
        place = split(x, low, high, pivot)
        if wanted < place:
            high = place
            continue
        low, place = place, split_same(x, place, high, pivot)
        if wanted < place:
            return
        low = place
    for i in range(low + 1, high):
        value, at = x[i], i
        while at > low and x[at - 1] > value:
            x[at] = x[at - 1]
            at -= 1
        x[at] = value


@leaf
def middle(x: Pointer, size: int, count: int) -> float:
    """The median of the `count` smallest of so many numbers, which it puts in another order; 0 of none."""
    if count == 0:
        return 0.0
    half = count >> 1
    select(x, size, half)
    upper: float = x[half]
    if count & 1:
        return upper
    lower: float = x[0]
    for place in range(1, half):
        lower = max(lower, x[place])
    return (lower + upper) / 2


@kernel(VOID, PANEL, SERIES_OUT)
def usual(differences: FloatArray, out: FloatArray) -> None:
    """Median of the magnitudes in each column of differences [rows, columns], missing ones left out; 0 where there is
    none."""
    rows, columns = differences.shape
    line = np.empty(rows + 1)
    x, at = start_of(line), start_of(differences)
    for i in range(columns):
        missing = 0
        for row in range(rows):
            value = abs(at[row * columns + i])
            missing += 0 if value == value else 1
            x[row] = value if value == value else math.inf
        out[i] = middle(x, rows, rows - missing)
    hold(line, differences, out)


@kernel(VOID, PANEL_OUT)
def keep_finite(values: FloatArray) -> None:
    """NaN in the place of what is infinite."""
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            value = values[row, i]
            values[row, i] = value if value - value == 0.0 else np.nan
