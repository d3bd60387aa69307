"""Who was listed on a day, and on which market: the membership of point-in-time universes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.symbol import Listing, Past

BoolArray = NDArray[np.bool_]

_FIRST, _LAST = date.min.toordinal(), date.max.toordinal()


class Roster:
    """Built once from the listings of a Panel; every answer has one element a Symbol, in their order.

    A Symbol is listed from its listing date to its last day, both included; what is not known is not held against it.
    A market that it was seen on before its listing date counts as a listing too: the exchange restarts that date when
    a Symbol moves to another market.
    """

    def __init__(self, listings: Sequence[Listing]) -> None:
        self._begins = np.array([_begin(listing).toordinal() for listing in listings], dtype=np.int64)
        self._ends = np.array([_last(listing.delisted_on) for listing in listings], dtype=np.int64)
        self._earlier = [
            (column, _first(span.listed_on), _last(span.delisted_on))
            for column, listing in enumerate(listings)
            for span in listing.earlier
        ]
        self._moves = [
            (column, past.since.toordinal() if place else _FIRST, past.until.toordinal(), past.value)
            for column, listing in enumerate(listings)
            for place, past in enumerate(_markets(listing))
        ]
        now = [listing.market or "" for listing in listings]
        self.markets: tuple[str, ...] = tuple(sorted({*now, *(move[-1] for move in self._moves)} - {""}))
        place = {market: index for index, market in enumerate(self.markets)}
        self._market = np.array([place.get(market, len(place)) for market in now], dtype=np.int64)

    def listed(self, day: date) -> BoolArray:
        """Whether each Symbol was listed on a day."""
        on = day.toordinal()
        listed: BoolArray = (self._begins <= on) & (on <= self._ends)
        for column, begin, end in self._earlier:
            if begin <= on <= end:
                listed[column] = True
        return listed

    def on_market(self, market: str, day: date) -> BoolArray:
        """Whether each Symbol belonged to a market on a day; a segment like KOSDAQ GLOBAL is part of KOSDAQ.

        Before a Symbol was first seen on a market, that first market counts.
        """
        on = day.toordinal()
        is_wanted = {name: name == market or name.startswith(f"{market} ") for name in self.markets}
        member: BoolArray = np.array([*is_wanted.values(), False])[self._market]
        for column, since, until, value in self._moves:
            if since <= on <= until:
                member[column] = is_wanted[value]
        return member


def _begin(listing: Listing) -> date:
    """The first day of the newest listing; where there were no earlier ones, as early as any market was seen."""
    first = listing.listed_on or date.min
    return first if listing.earlier else min([first, *(past.since for past in listing.past if past.field == "market")])


def _markets(listing: Listing) -> list[Past]:
    """The former markets, oldest first."""
    return sorted((past for past in listing.past if past.field == "market"), key=lambda past: past.since)


def _first(day: date | None) -> int:
    return _FIRST if day is None else day.toordinal()


def _last(day: date | None) -> int:
    return _LAST if day is None else day.toordinal()
