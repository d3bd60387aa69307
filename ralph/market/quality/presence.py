"""Which Sessions each Symbol has bars of: holes, Symbols that stopped, days without trading, coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import Calendar
from ralph.market.closed import FIRST_YEAR, LAST_YEAR
from ralph.market.columns import sessions_of
from ralph.market.quality.coverage import BoolArray, Coverage, coverages
from ralph.market.quality.findings import Detail, Finding, find
from ralph.market.quality.rows import Index, Rows, spells
from ralph.market.roster import Roster
from ralph.market.symbol import Listing, Span

Days = NDArray[np.datetime64]

CALENDAR_RATIO = 0.98
"""The exchange calendar is taken for a market's own when so many of its traded bars are on its Sessions. Of US bars
95 % are; and of real Korean files, whose bars on holidays are what we look for, all but 0.1 %."""

STOPPED_SESSIONS = 5
"""A Symbol without bars for a week, and not delisted, has stopped; before that its bars are missing."""

DELISTING_SESSIONS = 2
"""Masters name as the day of delisting the Session after the last one, or that after a weekend."""


@dataclass(frozen=True, eq=False)
class Presence:
    """sessions: datetime64 [sessions]; present: whether a Symbol has a bar, bool [sessions, symbols]; place: each bar's
    Session, -1 where its day is none; begins and ends: the Session span of each Symbol's listing, [symbols]."""

    sessions: Days
    present: BoolArray
    place: Index
    begins: Index
    ends: Index
    coverages: list[Coverage]

    @classmethod
    def of(cls, rows: Rows, calendar: Calendar | None, minimum_pct: float, market_days: Days | None = None) -> Presence:
        """The presence of bars, none of which is after today; calendar as of `sessions_of_market`. market_days are
        those of the market where the bars are not all of it."""
        bars = rows.bars
        own, rank = sessions_of(bars.day)
        sessions = sessions_of_market(own if market_days is None else market_days, calendar)
        known, _, known_at = np.intersect1d(sessions, own, assume_unique=True, return_indices=True)
        place_of_own = np.full(own.size, -1, dtype=np.int64)
        place_of_own[known_at] = np.searchsorted(sessions, known)
        place = place_of_own[rank]
        present = np.zeros((sessions.size, len(bars.listings)), dtype=np.bool_)
        on = place >= 0
        present[place[on], bars.symbol[on]] = True
        begins, ends = _listed_spans(sessions, present, bars.listings)
        roster = Roster(bars.listings)
        return cls(sessions, present, place, begins, ends, coverages(sessions, present, roster, minimum_pct))


def sessions_of_market(own: Days, calendar: Calendar | None) -> Days:
    """The Sessions from the first day with bars to the last, of all those days in order: the calendar's, and where it
    does not reach, or is None, the days themselves."""
    if calendar is None or not own.size:
        return own
    year = own.astype("datetime64[Y]").astype(np.int64) + 1970
    within = own[(year >= FIRST_YEAR) & (year <= LAST_YEAR)]
    if not within.size:
        return own
    known = calendar.sessions_between(within[0].astype(object), within[-1].astype(object))
    outside = own[(year < FIRST_YEAR) | (year > LAST_YEAR)]
    return np.union1d(np.array(known, dtype="datetime64[D]"), outside)


def fits(rows: Rows, calendar: Calendar) -> bool:
    """Whether the calendar is that of these bars."""
    own, rank = sessions_of(rows.bars.day[~rows.halted])
    on_sessions = np.bincount(rank, minlength=own.size)[np.isin(own, sessions_of_market(own, calendar))].sum()
    return bool(on_sessions >= CALENDAR_RATIO * rank.size)


def find_presence(rows: Rows, presence: Presence) -> Iterator[Finding]:
    """Sessions below the gate, holes, Symbols that stopped, halts, and bars of days without trading."""
    for each in presence.coverages:
        if not each.passes:
            detail = Detail(expected=each.expected, present=each.present, ratio=each.ratio)
            yield find("coverage", None, each.session, each.session, detail)
    if presence.sessions.size:
        yield from _holes(rows, presence)
    yield from _closed_days(rows, presence)
    for first, last in zip(*(each.tolist() for each in spells(rows.halted, rows.bars.symbol)), strict=True):
        yield rows.find("halt", first, last, Detail(sessions=last - first + 1))


def missing(presence: Presence) -> BoolArray:
    """Sessions within its listing of which a Symbol has no bar: bool [sessions, symbols]."""
    place = np.arange(presence.sessions.size)[:, None]
    return ~presence.present & (place >= presence.begins) & (place <= presence.ends)


def _holes(rows: Rows, presence: Presence) -> Iterator[Finding]:
    sessions, symbols = presence.present.shape
    lacking = missing(presence)
    _leave_out_gaps(lacking, presence.sessions, rows.bars.listings)
    failed = np.cumsum([0, *(not each.passes for each in presence.coverages)])
    column = np.repeat(np.arange(symbols, dtype=np.int32), sessions)
    newest = sessions - 1
    for first, last in zip(*(each.tolist() for each in spells(lacking.T.ravel(), column)), strict=True):
        symbol, begin = divmod(first, sessions)
        end, length = last % sessions, last - first + 1
        listing = rows.bars.listings[symbol]
        begin_on, end_on = presence.sessions[[begin, end]].astype(object).tolist()
        if end == newest and listing.delisted_on is None and length >= STOPPED_SESSIONS:
            yield find("stopped", listing.symbol, begin_on, end_on, Detail(sessions=length))
        elif failed[end + 1] - failed[begin] < length:  # a Session that nobody has is said once, as its coverage
            yield find("missing", listing.symbol, begin_on, end_on, Detail(sessions=length))


def _listed_spans(sessions: Days, present: BoolArray, listings: tuple[Listing, ...]) -> tuple[Index, Index]:
    """From the first bar, or the listing where it is known and later than all bars began, to the delisting."""
    if not sessions.size:
        nowhere = np.zeros(len(listings), dtype=np.int64)
        return nowhere, nowhere - 1
    has_bar: BoolArray = np.asarray(present.any(axis=0))
    begins = np.where(has_bar, present.argmax(axis=0), sessions.size).astype(np.int64)
    last = np.where(has_bar, sessions.size - 1 - present[::-1].argmax(axis=0), -1).astype(np.int64)
    ends = np.where(has_bar, sessions.size - 1, -1).astype(np.int64)
    for column, listing in enumerate(listings):
        if listing.listed_on is not None and listing.listed_on >= sessions[0].astype(object):
            begins[column] = (
                min(begins[column], _place(sessions, listing.listed_on)) if has_bar[column] else sessions.size
            )
        if listing.delisted_on is not None and has_bar[column]:
            gone = _place(sessions, listing.delisted_on, "right") - 1
            ends[column] = last[column] if gone - last[column] <= DELISTING_SESSIONS else gone
    return begins, ends


def _place(sessions: Days, day: date, side: str = "left") -> int:
    place: np.int64 = np.searchsorted(sessions, np.datetime64(day, "D"), side=side)  # type: ignore[call-overload]
    return int(place)


def _leave_out_gaps(lacking: BoolArray, sessions: Days, listings: tuple[Listing, ...]) -> None:
    """Between two listings of a code nothing is missing."""
    for column, listing in enumerate(listings):
        spans = [*listing.earlier, Span(listing.listed_on, listing.delisted_on)]
        for before, after in pairwise(spans):
            if before.delisted_on is not None and after.listed_on is not None:
                gap = slice(_place(sessions, before.delisted_on), _place(sessions, after.listed_on))
                lacking[gap, column] = False


def _closed_days(rows: Rows, presence: Presence) -> Iterator[Finding]:
    stray = np.flatnonzero(presence.place < 0)
    days, index, counts = np.unique(rows.bars.day[stray], return_index=True, return_counts=True)
    for on, at, count in zip(days, index.tolist(), counts.tolist(), strict=True):
        of_day = stray[rows.bars.day[stray] == on]
        traded = int((~rows.halted[of_day]).sum())
        symbol = rows.bars.listings[int(rows.bars.symbol[stray[at]])].symbol if count == 1 else None
        day = on.astype(object)
        yield find("closed_day", symbol, day, day, Detail(symbols=count, present=traded))
