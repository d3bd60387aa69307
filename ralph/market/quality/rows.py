"""Bars as a quality run looks at them: sorted rows, the traded ones among them, and spells of rows in a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.quality.findings import Detail, Finding, Kind, find
from ralph.market.rules import flag_rows, jump_ratios

BoolArray = NDArray[np.bool_]
Index = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class Rows:
    """Bars by (symbol, day), no key twice; arrays have one element a bar."""

    bars: BarColumns

    @cached_property
    def flags(self) -> NDArray[np.uint8]:
        """`Flag` bits, judged anew."""
        return flag_rows(self.bars)

    @cached_property
    def halted(self) -> BoolArray:
        """Bars without trade."""
        return ~(self.bars.volume > 0)

    @cached_property
    def traded(self) -> Traded:
        """The bars with trade."""
        at = np.flatnonzero(~self.halted)
        numbers = {name: getattr(self.bars, name)[at] for name in (*_PRICES, "volume")}
        return Traded(at=at, symbol=self.bars.symbol[at], **numbers)

    def on(self, row: int) -> date:
        """The day of a row."""
        day: date = self.bars.day[row].astype(object)
        return day

    def find(self, kind: Kind, first: int, last: int, detail: Detail) -> Finding:
        """A Finding about a Symbol's rows from `first` to `last`, both included."""
        symbol = self.bars.listings[int(self.bars.symbol[first])].symbol
        return find(kind, symbol, self.on(first), self.on(last), detail)

    def limit_pct(self, at: Index) -> NDArray[np.int64]:
        """The price limit of rows in percent, as their flags were judged with it."""
        chosen = replace(self.bars, **{name: getattr(self.bars, name)[at] for name in BAR_COLUMNS})
        return np.floor(jump_ratios(chosen) * 100).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Traded:
    """The traded bars in order; `at` are their rows."""

    at: Index
    symbol: NDArray[np.int32]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @cached_property
    def follows(self) -> BoolArray:
        """Whether the traded bar before is of the same Symbol."""
        return np.concatenate(([False], self.symbol[1:] == self.symbol[:-1])) if self.at.size else self.at > 0

    def bounds(self) -> tuple[Index, Index]:
        """For each traded bar the first and the last traded bar of its Symbol."""
        starts = np.flatnonzero(~self.follows)
        ends = np.append(starts[1:], self.at.size) - 1
        run = np.cumsum(~self.follows) - 1
        return starts[run], ends[run]


def spells(mask: BoolArray, symbol: NDArray[np.int32]) -> tuple[Index, Index]:
    """The first and the last element of each run of elements where `mask` holds, runs ending with their Symbol."""
    if not mask.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    joined = mask[1:] & mask[:-1] & (symbol[1:] == symbol[:-1])
    first = np.flatnonzero(mask & ~np.concatenate(([False], joined)))
    last = np.flatnonzero(mask & ~np.concatenate((joined, [False])))
    return first, last


def split_keys(bars: BarColumns) -> tuple[BarColumns, list[Finding]]:
    """The first bar of each Symbol and day, by (symbol, day), and a finding for every day that has more of them."""
    day = bars.day.astype("datetime64[D]").astype(np.int64)
    key = (bars.symbol.astype(np.int64) << 32) + day - np.iinfo(np.int32).min
    if not bool(np.all(key[1:] >= key[:-1])):
        order = np.argsort(key, kind="stable")
        bars = replace(bars, **{name: getattr(bars, name)[order] for name in BAR_COLUMNS})
        key = key[order]
    again = np.concatenate(([False], key[1:] == key[:-1])) if key.size else np.zeros(0, dtype=np.bool_)
    if not again.any():
        return bars, []
    first, last = spells(again, bars.symbol)
    found = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        # Two days that are each stored twice stand in one run of four rows, so a run is cut where the day changes.
        days, counts = np.unique(bars.day[begin : end + 1], return_counts=True)
        found += [
            find("duplicate", bars.listings[int(bars.symbol[begin])].symbol, on, on, Detail(bars=count + 1))
            for on, count in zip(days.astype(object).tolist(), counts.tolist(), strict=True)
        ]
    kept = ~again
    return replace(bars, **{name: getattr(bars, name)[kept] for name in BAR_COLUMNS}), found
