"""A market as of one Session, as scanners look at it: who may be looked at, newest bars, flows, sectors, bases."""

from __future__ import annotations

from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ralph.market.flags import ANOMALY
from ralph.market.symbol import Listing
from ralph.market.view import View
from ralph.scanners import money
from ralph.scanners.around import Around

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.int64]

ANOMALY_SESSIONS = 20  # a Symbol is not scanned on a Session with a flagged bar nor on so many after it
FILTER_BARS = 20
ADR_MIN = 0.015  # daily range, high over low: what moves less is no share that trades freely
VALUE_MIN = 1_000_000_000.0  # won a day


class MarketDay:
    """Some columns of a View, those that traded on its Session; arrays are [bars, symbols] of these columns.

    `around`: the whole market that they are measured against.
    """

    def __init__(self, view: View, universe: BoolArray, around: Around | None = None) -> None:
        self.view = view
        self.around = Around(view) if around is None else around
        self.columns: IndexArray = np.flatnonzero(universe & view.traded)
        self._tails: dict[tuple[str, int], FloatArray] = {}

    @property
    def size(self) -> int:
        """How many Symbols."""
        return int(self.columns.size)

    @property
    def ranks(self) -> FloatArray:
        """RS ratings."""
        return self.around.ranks[self.columns]

    @property
    def sector_rank(self) -> FloatArray:
        """Where the return of five bars stands in the sector, 0 best."""
        return self.around.sector_rank[self.columns]

    @property
    def is_common(self) -> BoolArray:
        """A common share, or nothing tells what it is."""
        return self.around.is_common[self.columns]

    @cached_property
    def listings(self) -> list[Listing]:
        """What is known about each Symbol."""
        return [self.view.panel.listings[column] for column in self.columns]

    def tail(self, field: str, bars: int) -> FloatArray:
        """The newest `bars` rows of a field, NaN where a Symbol has fewer; of one nobody imported all NaN."""
        found = self._tails.get((field, bars))
        if found is None:
            found = self._tails[field, bars] = self._tail(field, bars)
        return found

    def _tail(self, field: str, bars: int) -> FloatArray:
        rows = self.view.chosen(field, self.columns, min(bars, self.view.height))
        if rows.shape[0] == bars:
            return rows
        return np.concatenate([np.full((bars - rows.shape[0], self.size), np.nan), rows])

    @cached_property
    def is_clean(self) -> BoolArray:
        """No bar flagged as an anomaly on the Session or the ANOMALY_SESSIONS before it."""
        rows = min(ANOMALY_SESSIONS + 1, self.view.height)
        flags = np.take(self.view.newest_flags(rows), self.columns, axis=1)
        sessions = np.take(self.view.session_of(rows), self.columns, axis=1)
        flagged = ((flags & int(ANOMALY)) != 0) & (sessions >= max(0, self.view.index - ANOMALY_SESSIONS))
        clean: BoolArray = ~flagged.any(axis=0)
        return clean

    @cached_property
    def is_normal(self) -> BoolArray:
        """Not under administration nor halted, as far as it is known."""
        states = [_state_on(listing, self.view.on) for listing in self.listings]
        return np.array(["administrative" not in state and "halted" not in state for state in states], dtype=np.bool_)

    @cached_property
    def is_lively(self) -> BoolArray:
        """A daily range of ADR_MIN and VALUE_MIN traded a day, means of FILTER_BARS bars."""
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = (self.tail("high", FILTER_BARS) / self.tail("low", FILTER_BARS)).mean(axis=0) - 1.0
            lively: BoolArray = (spread >= ADR_MIN) & (self.tail("value", FILTER_BARS).mean(axis=0) >= VALUE_MIN)
        return lively

    @cached_property
    def change(self) -> FloatArray:
        """Of the close against that of the bar before, a ratio."""
        close = self.tail("close", 2)
        change: FloatArray = close[1] / close[0] - 1.0
        return change

    @cached_property
    def smart_money(self) -> money.SmartMoney:
        """Scores from investor flows."""
        bars = money.COUNT_DAYS
        foreign, institution = self.tail("foreign_value", bars), self.tail("institution_value", bars)
        return money.measure(foreign, institution, self.tail("value", bars))


def _state_on(listing: Listing, day: date) -> str:
    """What a source said of a Symbol's state on a day: normal where it said nothing."""
    for past in listing.past:
        if past.field == "state" and past.since <= day <= past.until:
            return past.value
    return listing.state or "normal"
