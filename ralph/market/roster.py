"""Who was listed on a day, on which market and in which sector: the membership of point-in-time universes."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.symbol import Listing, Past

BoolArray = NDArray[np.bool_]

_FIRST, _LAST = date.min.toordinal(), date.max.toordinal()
_EPOCH = date(1970, 1, 1).toordinal()


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
        self._by_market = _Places(listings, "market")
        self._by_sector = _Places(listings, "sector")
        self.markets = self._by_market.names
        self.sectors = self._by_sector.names

    def listed(self, day: date) -> BoolArray:
        """Whether each Symbol was listed on a day."""
        on = day.toordinal()
        listed: BoolArray = (self._begins <= on) & (on <= self._ends)
        for column, begin, end in self._earlier:
            if begin <= on <= end:
                listed[column] = True
        return listed

    def listed_on(self, days: NDArray[np.datetime64]) -> BoolArray:
        """As `listed`, of many days: [days, symbols]."""
        on = days.astype("datetime64[D]").astype(np.int64)[:, None] + _EPOCH
        listed: BoolArray = (self._begins <= on) & (on <= self._ends)
        for column, begin, end in self._earlier:
            listed[:, column] |= (begin <= on[:, 0]) & (on[:, 0] <= end)
        return listed

    def on_market(self, market: str, day: date) -> BoolArray:
        """Whether each Symbol belonged to a market on a day; a segment like KOSDAQ GLOBAL is part of KOSDAQ.

        Before a Symbol was first seen on a market, that first market counts.
        """
        wanted = {name for name in self.markets if name == market or name.startswith(f"{market} ")}
        return self._by_market.members(wanted, day)

    def in_sector(self, sector: str, day: date) -> BoolArray:
        """Whether each Symbol belonged to a sector on a day; before it was first seen in one, that first one counts."""
        return self._by_sector.members({sector}, day)

    def sector_of(self, day: date) -> NDArray[np.int64]:
        """Each Symbol's sector on a day as a place in `sectors`, -1 without one; as `in_sector`."""
        return self._by_sector.places(day)


def listing_on(listing: Listing, day: date) -> Listing:
    """What was known of a Symbol on a day: its fields of then, and nothing that came later. A field that was first seen
    later has its first value, as in universes."""
    then: dict[str, str] = {}
    for name in sorted({past.field for past in listing.past}):
        former = _former(listing, name)
        if day <= former[-1].until:
            then[name] = next(past.value for past in former if day <= past.until)
    gone = listing.delisted_on
    return msgspec.structs.replace(
        listing,
        **then,
        delisted_on=gone if gone is not None and gone <= day else None,
        past=tuple(past for past in listing.past if past.until < day),
    )


class _Places:
    """What one field of the Listings says, by Symbol and date. names: every value there is or was."""

    def __init__(self, listings: Sequence[Listing], field: str) -> None:
        self._moves = [
            (column, past.since.toordinal() if place else _FIRST, past.until.toordinal(), past.value)
            for column, listing in enumerate(listings)
            for place, past in enumerate(_former(listing, field))
        ]
        now = [getattr(listing, field) or "" for listing in listings]
        self.names: tuple[str, ...] = tuple(sorted({*now, *(move[-1] for move in self._moves)} - {""}))
        place = {name: index for index, name in enumerate(self.names)}
        self._now = np.array([place.get(name, len(place)) for name in now], dtype=np.int64)

    def members(self, wanted: AbstractSet[str], day: date) -> BoolArray:
        """Whether each Symbol's value on a day is one of those wanted."""
        on = day.toordinal()
        member: BoolArray = np.array([*(name in wanted for name in self.names), False])[self._now]
        for column, since, until, value in self._moves:
            if since <= on <= until:
                member[column] = value in wanted
        return member

    def places(self, day: date) -> NDArray[np.int64]:
        """Where each Symbol's value on a day stands in `names`, -1 where it has none."""
        on = day.toordinal()
        place = {name: index for index, name in enumerate(self.names)}
        found = np.where(self._now == len(place), -1, self._now)
        for column, since, until, value in self._moves:
            if since <= on <= until:
                found[column] = place.get(value, -1)
        return found


def _begin(listing: Listing) -> date:
    """The first day of the newest listing; where there were no earlier ones, as early as any market was seen."""
    first = listing.listed_on or date.min
    return first if listing.earlier else min([first, *(past.since for past in listing.past if past.field == "market")])


def _former(listing: Listing, field: str) -> list[Past]:
    """The former values of a field, oldest first."""
    return sorted((past for past in listing.past if past.field == field), key=lambda past: past.since)


def _first(day: date | None) -> int:
    return _FIRST if day is None else day.toordinal()


def _last(day: date | None) -> int:
    return _LAST if day is None else day.toordinal()
