"""Listed shares and market caps by date, and what each Symbol of a Panel was worth as of a Session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

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

    def renewed(self, since: np.datetime64, newer: Capital, symbols: IndexArray) -> Capital:
        """The same with what `newer` says in place of all from a day on, and of all about some columns."""
        kept = (self.day < since) & ~np.isin(self.column, symbols)
        names = ("column", "day", "shares", "market_cap")
        joined = {name: np.concatenate([getattr(self, name)[kept], getattr(newer, name)]) for name in names}
        key = joined["column"].astype(np.int64) * DAY_SPAN + joined["day"].astype(np.int64)
        order = np.argsort(key, kind="stable")  # two runs in order: nearly a merge
        return Capital(**{name: values[order] for name, values in joined.items()})

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


DAY_SPAN = 1 << 20  # more days than dates have


@dataclass(frozen=True, eq=False)
class Statements:
    """The statements of a Capital by (column, day), each with the Symbol's close when it was made.

    key    int64, rising: column x DAY_SPAN + the day's number
    row    the Panel's row of the Symbol's newest bar when it was made, negative where it had none
    grown  what a share of then has become: splits and the like since
    """

    key: IndexArray
    row: IndexArray
    shares: FloatArray
    market_cap: FloatArray
    close_then: FloatArray
    grown: FloatArray

    @staticmethod
    def of(
        capital: Capital, sessions: NDArray[np.datetime64], rows: NDArray[np.int32], close: FloatArray
    ) -> Statements:
        """`rows` and `close` as the Panel has them."""
        order = np.lexsort((capital.day, capital.column))
        column, day = capital.column[order].astype(np.int64), capital.day[order]
        session = np.searchsorted(sessions, day, side="right") - 1
        row = _newest_rows(rows, session, column)
        then = np.where(row >= 0, close[np.maximum(row, 0), column], np.nan) if column.size else np.empty(0)
        key = column * DAY_SPAN + day.astype("datetime64[D]").astype(np.int64)
        shares, caps = capital.shares[order], capital.market_cap[order]
        return Statements(key, row.astype(np.int64), shares, caps, then, np.ones(key.size))

    def of_column(self, column: int, before: date | None = None) -> slice:
        """Where the statements of a column stand; only those made before a day."""
        begin = column * DAY_SPAN
        end = begin + (DAY_SPAN if before is None else int(np.datetime64(before, "D").astype(np.int64)))
        return slice(*np.searchsorted(self.key, (begin, end)).tolist())

    def last(self, column: IndexArray, day: NDArray[np.datetime64]) -> IndexArray:
        """Where the newest statement of each column up to a day stands, -1 where there is none: days [columns] or
        [bars, columns]."""
        if day.ndim < 2 or day.shape[0] < 3:
            return self._last(column, day)
        oldest, newest = (self._last(column, one) for one in (day.min(axis=0), day.max(axis=0)))
        found: IndexArray = np.repeat(newest[None, :], day.shape[0], axis=0)
        told = np.flatnonzero(oldest != newest)  # between the two; of all others nothing has to be looked for
        found[:, told] = self._last(column[told, None], day[:, told].T).T
        return found

    def _last(self, column: IndexArray, day: NDArray[np.datetime64]) -> IndexArray:
        asked = column * DAY_SPAN + day.astype("datetime64[D]").astype(np.int64)
        if not self.key.size:
            return np.full(asked.shape, -1, dtype=np.int64)
        at = np.searchsorted(self.key, asked, side="right") - 1
        found: IndexArray = np.where((at >= 0) & (self.key[np.maximum(at, 0)] // DAY_SPAN == column), at, -1)
        return found

    def shares_at(self, last: IndexArray) -> FloatArray:
        """Listed shares as told by these statements."""
        found: FloatArray = np.append(self.shares, np.nan)[last]
        return found

    def market_cap_at(self, last: IndexArray, close: FloatArray) -> FloatArray:
        """Market caps in won: what was told, grown as the price has since, else shares x close (see market_caps)."""
        shares = self.shares * self.grown
        told, counted, then = (np.append(each, np.nan)[last] for each in (self.market_cap, shares, self.close_then))
        grown = told * (close / then)
        return np.where(np.isnan(grown), counted * close, grown)


def _newest_rows(rows: NDArray[np.int32], session: IndexArray, column: IndexArray) -> IndexArray:
    """The row of each column's newest bar up to a Session (-1: before all), negative where there is none."""
    found = np.full(session.size, -1, dtype=np.int64)
    asked = np.flatnonzero(session >= 0)
    back = 0
    while asked.size:
        row = rows[session[asked] - back, column[asked]]
        found[asked] = row
        back += 1
        asked = asked[(row < 0) & (session[asked] >= back)]
    return found
