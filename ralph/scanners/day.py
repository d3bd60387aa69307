"""A market as of one Session, as scanners look at it: who may be looked at, newest bars, flows, sectors, bases."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ralph.market.flags import ANOMALY
from ralph.market.view import View
from ralph.scanners import money, sectors

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]

ANOMALY_BARS = 20  # a Symbol is not scanned for so long after a bar that was flagged
FILTER_BARS = 20
ADR_MIN = 0.015  # daily range, high over low: what moves less is no share that trades freely
VALUE_MIN = 1_000_000_000.0  # won a day
RETURN_BARS = 5


class MarketDay:
    """Some columns of a View, those that traded on its Session; arrays are [bars, symbols] of these columns.

    `ranks`: RS ratings 1-99 [panel symbols], NaN where there is none.
    """

    def __init__(self, view: View, universe: BoolArray, ranks: FloatArray | None = None) -> None:
        self.view = view
        self.columns: IndexArray = np.flatnonzero(universe & view.traded)
        self._ranks = ranks
        self._tails: dict[tuple[str, int], FloatArray] = {}

    @property
    def size(self) -> int:
        """How many Symbols."""
        return int(self.columns.size)

    @cached_property
    def ranks(self) -> FloatArray:
        """RS ratings of the columns."""
        return np.full(self.size, np.nan) if self._ranks is None else self._ranks[self.columns]

    def tail(self, field: str, bars: int) -> FloatArray:
        """The newest `bars` rows of a field, NaN where a Symbol has fewer; of one nobody imported all NaN."""
        found = self._tails.get((field, bars))
        if found is None:
            found = self._tails[field, bars] = self._tail(field, bars)
        return found

    def _tail(self, field: str, bars: int) -> FloatArray:
        out = np.full((bars, self.size), np.nan)
        rows = self.view.newest(field, min(bars, self.view.height))
        out[bars - rows.shape[0] :] = np.take(rows, self.columns, axis=1)
        return out

    @cached_property
    def is_clean(self) -> BoolArray:
        """No bar flagged as an anomaly among the newest ANOMALY_BARS."""
        flags = np.take(self.view.flags()[-ANOMALY_BARS:], self.columns, axis=1)
        clean: BoolArray = ~((flags & int(ANOMALY)) != 0).any(axis=0)
        return clean

    @cached_property
    def is_common(self) -> BoolArray:
        """A common share, or nobody said what it is."""
        listings = self.view.panel.listings
        return np.array([listings[column].kind in (None, "common") for column in self.columns], dtype=np.bool_)

    @cached_property
    def is_normal(self) -> BoolArray:
        """Not under administration nor halted, as far as it is known."""
        listings = self.view.panel.listings
        states = [listings[column].state or "normal" for column in self.columns]
        return np.array(["administrative" not in state and "halted" not in state for state in states], dtype=np.bool_)

    @cached_property
    def is_lively(self) -> BoolArray:
        """A daily range of ADR_MIN and VALUE_MIN traded a day, means of FILTER_BARS bars."""
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = (self.tail("high", FILTER_BARS) / self.tail("low", FILTER_BARS)).mean(axis=0) - 1.0
            lively: BoolArray = (spread >= ADR_MIN) & (self.tail("value", FILTER_BARS).mean(axis=0) >= VALUE_MIN)
        return lively

    @cached_property
    def sector(self) -> list[str | None]:
        """Each Symbol's sector."""
        return [self.view.panel.listings[column].sector for column in self.columns]

    @cached_property
    def change(self) -> FloatArray:
        """Of the close against that of the bar before, a ratio."""
        close = self.tail("close", 2)
        change: FloatArray = close[1] / close[0] - 1.0
        return change

    @cached_property
    def sector_rank(self) -> FloatArray:
        """Where the RETURN_BARS return stands in the sector, 0 best."""
        close = self.tail("close", RETURN_BARS + 1)
        return sectors.rank_shares(self.sector, close[-1] / close[0] - 1.0)

    @cached_property
    def smart_money(self) -> money.SmartMoney:
        """Scores from investor flows."""
        bars = money.COUNT_DAYS
        foreign, institution = self.tail("foreign_value", bars), self.tail("institution_value", bars)
        return money.measure(foreign, institution, self.tail("value", bars))
