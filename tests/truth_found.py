"""Finds what was planted in a simulated market from its bars alone, by code that shares nothing with the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.simulator.tables import SimulatedMarket

REVERSAL = 0.03  # of the zigzag
QUIET_END = 8  # Sessions before a Symbol's end in which a liquidation would look like a split
RATIOS = (1 / 10, 1 / 5, 1 / 2, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, eq=False)
class Chart:
    """The bars of one Symbol as traded."""

    symbol: str
    day: list[date]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    shares: NDArray[np.int64]

    def at(self, day: date) -> int:
        return self.day.index(day)


def charts(market: SimulatedMarket) -> dict[str, Chart]:
    """All Symbols, with the shares listed on each day."""
    raw = market.bars_raw
    return {
        listing.symbol: Chart(
            listing.symbol,
            raw.day[rows].tolist(),
            open=raw.open[rows],
            high=raw.high[rows],
            low=raw.low[rows],
            close=raw.close[rows],
            volume=raw.volume[rows],
            shares=market.shares[rows],
        )
        for listing, rows in zip(raw.listings, rows_of(raw), strict=True)
    }


def rows_of(bars: BarColumns) -> list[slice]:
    """Where the rows of each Symbol are."""
    ends = np.searchsorted(bars.symbol, np.arange(len(bars.listings) + 1)).tolist()
    return [slice(first, last) for first, last in pairwise(ends)]


def halts(chart: Chart) -> list[tuple[date, date]]:
    """Runs of days without volume, first and last."""
    found, place = [], 0
    for is_halt, run in groupby(chart.volume.tolist(), key=lambda volume: volume == 0):
        length = len(list(run))
        if is_halt:
            found.append((chart.day[place], chart.day[place + length - 1]))
        place += length
    return found


def splits_by_price(chart: Chart) -> Iterator[tuple[date, float]]:
    """Days whose close lies further from the last one than the limit allows: the ratio that explains it best."""
    traded = np.flatnonzero(chart.volume > 0)
    for before, after in pairwise(traded):
        move = chart.close[after] / chart.close[before]
        if not 0.69 < move < 1.31 and is_judged(chart, int(after)):
            level = 0.5 * (chart.low[after] + chart.high[after]) / chart.close[before]
            yield chart.day[after], min(RATIOS, key=lambda ratio: abs(float(np.log(level * ratio))))


def is_judged(chart: Chart, place: int) -> bool:
    """Whether a jump there cannot be a liquidation."""
    return place < len(chart.day) - QUIET_END


def exchanges_by_shares(chart: Chart) -> Iterator[tuple[date, float]]:
    """Days on which more or fewer shares are listed than before."""
    for place in np.flatnonzero(np.diff(chart.shares)) + 1:
        yield chart.day[place], float(chart.shares[place] / chart.shares[place - 1])


def volume_growth(chart: Chart, place: int) -> float:
    """Median volume of the 20 traded days from a place on against the 20 before it."""
    before, after = chart.volume[:place], chart.volume[place:]
    return float(np.median(after[after > 0][:20]) / np.median(before[before > 0][-20:]))


def zigzag(chart: Chart, first: int, last: int) -> list[tuple[date, float]]:
    """Highs and lows in turn, from a high at `first` to the bar before `last`; the newest one may be provisional."""
    turns: list[tuple[int, float]] = []
    extreme, rises = (first, float(chart.high[first])), True
    for place in range(first + 1, last):
        high, low = float(chart.high[place]), float(chart.low[place])
        beyond = high > extreme[1] if rises else low < extreme[1]
        if beyond:
            extreme = (place, high if rises else low)
        elif (low <= extreme[1] * (1 - REVERSAL)) if rises else (high >= extreme[1] * (1 + REVERSAL)):
            turns.append(extreme)
            extreme, rises = (place, low if rises else high), not rises
    return [(chart.day[place], price) for place, price in [*turns, extreme]]
