"""What is measured within a Session, on the grid of its slots: VWAP, relative volume, opening range, gap, new highs.

Arrays are float64 [sessions, slots, …]: equal slots of each Session, oldest first, then any further axes (Symbols). A
slot without trade has volume 0 and no price (NaN) or the price before. At a slot only it and older ones are seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Vwap(NamedTuple):
    """The volume-weighted average price since the Session's first slot, and the deviation of prices from it."""

    price: FloatArray
    deviation: FloatArray


def _divided(above: FloatArray, below: FloatArray) -> FloatArray:
    """NaN where the divisor is 0 or missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def vwap(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> Vwap:
    """Anchored at the Session's start; NaN until its first trade.

    The deviation is taken around the Session's first price, so that no two large squares cancel.
    """
    traded = volume > 0
    typical = np.where(traded, (high + low + close) / 3, 0.0)
    first = np.take_along_axis(typical, np.argmax(traded, axis=1)[:, None], axis=1)
    apart = np.where(traded, typical - first, 0.0)
    total = np.cumsum(volume, axis=1)
    mean = _divided(np.cumsum(apart * volume, axis=1), total)
    square = _divided(np.cumsum(apart * apart * volume, axis=1), total)
    return Vwap(first + mean, np.sqrt(np.maximum(square - mean * mean, 0.0)))


def relative_volume(volume: FloatArray, sessions: int, *, cumulative: bool = True) -> FloatArray:
    """Volume since the start of the Session (or of the slot alone) over its mean at this slot in the Sessions before.

    NaN in the first `sessions` Sessions and where that mean is 0. A slot without trade counts 0.
    """
    counted = np.cumsum(volume, axis=1) if cumulative else volume
    out = np.full(volume.shape, np.nan)
    for session in range(sessions, volume.shape[0]):
        out[session] = _divided(counted[session], counted[session - sessions : session].mean(axis=0))
    return out


def gap_pct(opened: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """The Session's first price over the last one of the Session before, percent, [sessions, …]; NaN for the first."""
    traded = volume > 0
    first = np.take_along_axis(opened, np.argmax(traded, axis=1)[:, None], axis=1)[:, 0]
    last_slot = volume.shape[1] - 1 - np.argmax(traded[:, ::-1], axis=1)
    last = np.take_along_axis(close, last_slot[:, None], axis=1)[:, 0]
    some = traded.any(axis=1)
    first, last = np.where(some, first, np.nan), np.where(some, last, np.nan)
    gap = np.full(first.shape, np.nan)
    gap[1:] = 100 * (_divided(first[1:], last[:-1]) - 1)
    return gap


class OpeningRange(NamedTuple):
    """Highest and lowest price of the Session's first slots; NaN inside them."""

    high: FloatArray
    low: FloatArray


def opening_range(high: FloatArray, low: FloatArray, volume: FloatArray, slots: int) -> OpeningRange:
    """Of the bars that begin in the first `slots` slots."""
    traded = volume[:, :slots] > 0
    top = np.where(traded, high[:, :slots], -np.inf).max(axis=1)
    bottom = np.where(traded, low[:, :slots], np.inf).min(axis=1)
    out = OpeningRange(np.full(high.shape, np.nan), np.full(high.shape, np.nan))
    out.high[:, slots:] = np.where(np.isfinite(top), top, np.nan)[:, None]
    out.low[:, slots:] = np.where(np.isfinite(bottom), bottom, np.nan)[:, None]
    return out


def first_true(flags: BoolArray) -> BoolArray:
    """Only the first of each Session."""
    only: BoolArray = flags & (np.cumsum(flags, axis=1) == 1)
    return only


def breaks_out(close: FloatArray, opening: OpeningRange) -> BoolArray:
    """The first completed bar of the Session that closes above its opening range."""
    return first_true(close > opening.high)


def reclaims(close: FloatArray, price: FloatArray, bars_below: int = 1) -> BoolArray:
    """Closes above the VWAP after at least so many bars, of this Session, at or below it; each with its own VWAP."""
    below = close <= price
    run = np.zeros(close.shape, dtype=np.int64)
    for slot in range(close.shape[1]):
        before = run[:, slot - 1] if slot else np.zeros(close[:, 0].shape, dtype=np.int64)
        run[:, slot] = np.where(below[:, slot], before + 1, 0)
    out = np.zeros(close.shape, dtype=np.bool_)
    out[:, 1:] = (close > price)[:, 1:] & (run[:, :-1] >= bars_below)
    return out


def new_highs(high: FloatArray, volume: FloatArray) -> BoolArray:
    """Above all earlier bars of the Session, strictly; never its first bar."""
    seen = np.maximum.accumulate(np.where(volume > 0, high, -np.inf), axis=1)
    out = np.zeros(high.shape, dtype=np.bool_)
    out[:, 1:] = (high[:, 1:] > seen[:, :-1]) & np.isfinite(seen[:, :-1]) & (volume[:, 1:] > 0)
    return out
