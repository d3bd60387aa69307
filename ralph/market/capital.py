"""Listed shares and market caps by date, and what each Symbol of a Panel was worth as of a Session."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Capital:
    """What sources said, by (column, day), no key twice; every array has one element a statement.

    column      int32: the Symbol's column in the Panel
    day         datetime64[D]
    shares      float64, listed shares; market_cap in won; NaN where a source has only the other
    """

    column: NDArray[np.int32]
    day: NDArray[np.datetime64]
    shares: FloatArray
    market_cap: FloatArray

    @staticmethod
    def none() -> Capital:
        """Where nobody said anything."""
        nothing = np.empty(0)
        return Capital(np.empty(0, dtype=np.int32), np.empty(0, dtype="datetime64[D]"), nothing, nothing)

    def moved(self, place: IndexArray) -> Capital:
        """The same where each column has gone to `place[column]`; the order of columns stays."""
        return replace(self, column=place[self.column].astype(np.int32))

    def last(self, day: np.datetime64, symbols: int) -> IndexArray:
        """Where each Symbol's newest statement up to a day stands, -1 where there is none: [symbols]."""
        known = np.flatnonzero(self.day <= day)
        last = np.full(symbols, -1, dtype=np.int64)
        last[self.column[known]] = known  # of several writes to one place numpy keeps the last
        return last


def market_caps(
    capital: Capital, day: np.datetime64, close: FloatArray, close_then: FloatArray, shares_grown: FloatArray
) -> FloatArray:
    """Market caps in won as of a day, NaN where nothing tells: [symbols].

    The cap stored for the day; else the newest stored one, grown as the price has since, so that a split between the
    two does no harm; else listed shares x close.

    close       each Symbol's newest close, close_then its close when its newest statement was made; NaN where none
    shares_grown  what a share of then has become by the day: splits and the like between the two
    """
    last = capital.last(day, close.size)
    caps = np.full(close.size, np.nan)
    known = np.flatnonzero(last >= 0)
    if known.size:
        at = last[known]
        stored, shares = capital.market_cap[at], capital.shares[at]
        grown = stored * (close[known] / close_then[known])
        counted = shares * shares_grown[known] * close[known]
        caps[known] = np.where(capital.day[at] == day, stored, grown)
        caps[known] = np.where(np.isnan(caps[known]), counted, caps[known])
    return caps
