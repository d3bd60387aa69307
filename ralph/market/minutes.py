"""Minute bars as long columns (one row a bar), and longer frames made from them on the grid of the Sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import Action
from ralph.market.columns import BarColumns, adjusted_line
from ralph.market.folding import fold, runs
from ralph.market.grid import Grid, Instants
from ralph.market.panel import FloatArray
from ralph.market.symbol import Listing

MINUTE = np.timedelta64(60, "s")
_SEOUL = np.timedelta64(9 * 3_600, "s")  # from UTC


@dataclass(frozen=True, eq=False)
class MinuteColumns:
    """Bars within a day of many Symbols by (symbol, opened_at), no key twice; every array has one element a bar.

    listings   the Symbols, in order of code
    symbol     int32: index into `listings`
    opened_at  datetime64[s], UTC: where the bar begins
    open..close  float64, won; volume in shares; value in won traded (NaN where the source has none)
    flags      uint8: `Flag` bits, and RAW
    """

    listings: tuple[Listing, ...]
    symbol: NDArray[np.int32]
    opened_at: Instants
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    value: FloatArray
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.symbol.shape[0])

    def value_traded(self) -> FloatArray:
        """`value`, and close x volume where the source has none."""
        return np.where(np.isnan(self.value), self.close * self.volume, self.value)

    def session_on(self) -> NDArray[np.datetime64]:
        """The day in Seoul on which each bar begins."""
        return (self.opened_at + _SEOUL).astype("datetime64[D]")

    def numbered(self) -> BarColumns:
        """One Symbol's bars on invented days, one a bar: for what needs their order and nothing else (indicators)."""
        assert len(self.listings) == 1, "bars of several Symbols have no common order"
        days = np.arange(len(self), dtype=np.int64).astype("datetime64[D]")
        prices = (self.open, self.high, self.low, self.close, self.volume, self.value)
        return BarColumns(self.listings, self.symbol, days, *prices, self.flags)


@dataclass(frozen=True, eq=False)
class MinuteFrames:
    """Bars of a longer frame; partial marks those whose interval was not over."""

    bars: MinuteColumns
    partial: NDArray[np.bool_]


def adjust_minutes(bars: MinuteColumns, actions: Sequence[Action], until: np.datetime64) -> MinuteColumns:
    """One Symbol's bars in order as known on a day: raw ones adjusted as daily bars are, RAW taken off."""
    return replace(bars, **adjusted_line(bars, bars.session_on(), actions, until))


def resample_minutes(bars: MinuteColumns, minutes: int, grid: Grid, through: np.datetime64) -> MinuteFrames:
    """Frames of so many minutes, counted from each opening of the grid; the last of a segment ends with it.

    through  datetime64[s], UTC: bars that end later are not looked at, and frames that end later are partial

    Bars outside the grid and bars without trade (volume 0) are left out. A bar that starts at the close, as the closing
    auction's print does, belongs to the last frame, which is over one minute after the close.
    """
    segment = grid.segment_of(bars.opened_at)
    used = np.flatnonzero((segment >= 0) & (bars.volume > 0) & (bars.opened_at + MINUTE <= through))
    symbol, opened_at, segment = bars.symbol[used], bars.opened_at[used], segment[used]
    order = np.lexsort((opened_at, symbol))
    used, symbol, opened_at, segment = used[order], symbol[order], opened_at[order], segment[order]
    opens_at, closes_at = grid.opens_at[segment], grid.closes_at[segment]
    length = minutes * MINUTE
    within = np.minimum(opened_at, closes_at - MINUTE) - opens_at
    frame_opens_at = opens_at + within // length * length
    starts = runs(symbol, frame_opens_at)
    folded = fold(bars, used, starts)
    ends_at = np.minimum(frame_opens_at[starts] + length, closes_at[starts])
    if grid.prints_at_close:
        ends_at = np.where(ends_at == closes_at[starts], ends_at + MINUTE, ends_at)
    frames = MinuteColumns(bars.listings, symbol[starts], frame_opens_at[starts], **folded)
    return MinuteFrames(frames, ends_at > through)
