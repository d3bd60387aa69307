"""Measures of a Session bar by bar, all Symbols at once: the same as those of `scanners.intraday` over whole arrays.

VWAP and its deviation, the opening range, the gap, relative volume at the time of day, new highs, closes back above the
VWAP. At a bar only it and older ones are seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class SlotBars(NamedTuple):
    """The bars of one slot [symbols]; volume 0 where nothing traded (prices are not read there)."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


class Measured(NamedTuple):
    """What is known as a slot closes [symbols]; prices and ratios are NaN where they cannot be told.

    gap_pct        the Session's first price over the last close, percent
    range_high, range_low   of the opening range, once it is over
    breaks_out     closes above its opening range for the first time
    reclaims       closes above the VWAP after the asked number of bars below it
    new_high       above all bars of the Session before
    relative_volume  volume so far over its mean at this slot in the Sessions before
    slot_volume    volume of this slot alone over its mean in the Sessions before
    """

    vwap: FloatArray
    deviation: FloatArray
    gap_pct: FloatArray
    range_high: FloatArray
    range_low: FloatArray
    breaks_out: BoolArray
    reclaims: BoolArray
    new_high: BoolArray
    relative_volume: FloatArray
    slot_volume: FloatArray


class SessionMeasures:
    """A Session between two slots. range_slots: those of the opening range; bars_below: before a reclaim.

    last_close   [symbols], NaN where there is none
    usual_volume  mean volume so far by slot [slots, symbols] in the Sessions before; None: not known
    """

    def __init__(
        self,
        last_close: FloatArray,
        *,
        range_slots: int,
        bars_below: int = 1,
        usual_volume: FloatArray | None = None,
    ) -> None:
        count = last_close.size
        self._last_close = last_close
        self._range_slots, self._bars_below = range_slots, bars_below
        self._usual = usual_volume
        self._slot = -1
        self._first_price = np.full(count, np.nan)
        self._first_typical = np.full(count, np.nan)
        self._apart, self._square = np.zeros(count), np.zeros(count)
        self._volume = np.zeros(count)
        self._top, self._range_high = np.full(count, -np.inf), np.full(count, -np.inf)
        self._range_low = np.full(count, np.inf)
        self._below = np.zeros(count, dtype=np.int64)
        self._has_broken_out = np.zeros(count, dtype=np.bool_)

    def close(self, bars: SlotBars) -> Measured:
        """The next slot has closed."""
        self._slot += 1
        traded = bars.volume > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            vwap, deviation = self._vwap(bars, traded)
            new_high = traded & (bars.high > self._top) & np.isfinite(self._top)
            self._top = np.where(traded, np.maximum(self._top, bars.high), self._top)
            high, low, breaks_out = self._range(bars, traded)
            reclaims = (bars.close > vwap) & (self._below >= self._bars_below) & (self._slot > 0)
            self._below = np.where(bars.close <= vwap, self._below + 1, 0)
            gap = 100 * (np.where(self._last_close > 0, self._first_price / self._last_close, np.nan) - 1)
            volumes = self._relative(np.where(traded, bars.volume, 0.0))
        return Measured(vwap, deviation, gap, high, low, breaks_out, reclaims, new_high, *volumes)

    def _relative(self, volume: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Volume so far, and that of the slot, over the usual."""
        if self._usual is None or self._slot >= self._usual.shape[0]:
            nothing = np.full(volume.size, np.nan)
            return nothing, nothing
        usual = self._usual[self._slot]
        alone = usual - (self._usual[self._slot - 1] if self._slot else 0.0)
        return np.where(usual > 0, self._volume / usual, np.nan), np.where(alone > 0, volume / alone, np.nan)

    def _vwap(self, bars: SlotBars, traded: BoolArray) -> tuple[FloatArray, FloatArray]:
        typical = (bars.high + bars.low + bars.close) / 3
        is_first = traded & np.isnan(self._first_typical)
        self._first_typical = np.where(is_first, typical, self._first_typical)
        self._first_price = np.where(is_first, bars.open, self._first_price)
        apart = np.where(traded, typical - self._first_typical, 0.0)
        volume = np.where(traded, bars.volume, 0.0)
        self._apart += apart * volume
        self._square += apart * apart * volume
        self._volume += volume
        mean = np.where(self._volume > 0, self._apart / self._volume, np.nan)
        square = np.where(self._volume > 0, self._square / self._volume, np.nan)
        return self._first_typical + mean, np.sqrt(np.maximum(square - mean * mean, 0.0))

    def _range(self, bars: SlotBars, traded: BoolArray) -> tuple[FloatArray, FloatArray, BoolArray]:
        if self._slot < self._range_slots:
            self._range_high = np.where(traded, np.maximum(self._range_high, bars.high), self._range_high)
            self._range_low = np.where(traded, np.minimum(self._range_low, bars.low), self._range_low)
            nothing = np.full(traded.size, np.nan)
            return nothing, nothing, np.zeros(traded.size, dtype=np.bool_)
        high = np.where(np.isfinite(self._range_high), self._range_high, np.nan)
        low = np.where(np.isfinite(self._range_low), self._range_low, np.nan)
        breaks_out = (bars.close > high) & ~self._has_broken_out
        self._has_broken_out |= breaks_out
        return high, low, breaks_out
