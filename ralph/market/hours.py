"""Trading hours as dated rows: which venue trades when, on usual days, first Sessions of a year and exam days.

Sources and certainty. KRX regular hours, its auctions and its trading at the close: the exchange's rules, certain from
2016-08-01 on (15:30 close); 15:00 closes before. Late openings: the exchange's yearly notices, as the press repeats
them (10:00 on the first Session with the usual close; 10:00-16:30 on the day of the college entrance exam).
NXT since 2025-03-04 and its late days: its own notices in the press of 2025-02, 2025-10 and 2025-12.
The KRX after-market of 2026: announced for 2026-06-29, seen in operation by broker interfaces from 2026-09-14 on, when
they dropped the single-price trading it replaces. Its rows are marked as not certain, as is everything carried over to
days on which it has not been seen. The announced KRX pre-market (07:00-08:00) is not confirmed and has no row.
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal, get_args

import msgspec

Venue = Literal["KRX", "NXT"]
Kind = Literal["pre", "pre_close", "auction", "regular", "after_close", "after_single", "after"]
"""pre and after: continuous trading before and after the regular hours; pre_close and after_close: at the last close;
auction: orders are collected for one price, within or before other hours; after_single: an auction every ten minutes.
"""

Plan = Literal["usual", "first", "exam"]
"""Which hours a Session has: the usual ones, those of a year's first Session, or those of the exam day."""

VENUES: tuple[Venue, ...] = get_args(Venue)
KINDS: tuple[Kind, ...] = get_args(Kind)

EXAM_DAYS = frozenset(
    {
        date(2020, 12, 3),  # put off from November
        date(2021, 11, 18),
        date(2022, 11, 17),
        date(2023, 11, 16),
        date(2024, 11, 14),
        date(2025, 11, 13),
        date(2026, 11, 19),
    }
)
"""College entrance exams since 2020; later years are added here or named in the override file."""

EXAM_DAYS_KNOWN_TO = 2026


class HoursRow(msgspec.Struct, frozen=True):
    """One kind of trading of a venue, in Seoul's time, on days of one plan from `since` to `until` (inclusive)."""

    venue: Venue
    kind: Kind
    opens: time
    closes: time
    since: date
    until: date
    plan: Plan = "usual"
    certain: bool = True


def _rows(venue: Venue, plan: Plan, since: date, until: date, *spans: str, certain: bool = True) -> list[HoursRow]:
    """Rows of one time from texts like `regular 09:00-15:30`."""
    rows = []
    for span in spans:
        kind, _, hours = span.partition(" ")
        opens, closes = (time.fromisoformat(part) for part in hours.split("-"))
        assert kind in KINDS, kind
        rows.append(HoursRow(venue, kind, opens, closes, since, until, plan, certain))
    return rows


_BEGIN, _END = date(2000, 1, 1), date(9999, 12, 31)
_NO_LUNCH = date(2000, 5, 22)
_BEFORE_NO_LUNCH = date(2000, 5, 21)
_LONGER = date(2016, 8, 1)
_BEFORE_LONGER = date(2016, 7, 31)
_SHORT_AUCTION = date(2019, 4, 29)
_BEFORE_SHORT_AUCTION = date(2019, 4, 28)
_AFTER_MARKET = date(2026, 9, 14)
_BEFORE_AFTER_MARKET = date(2026, 9, 13)
_NXT = date(2025, 3, 4)

ROWS: tuple[HoursRow, ...] = (
    *_rows("KRX", "usual", _BEGIN, _BEFORE_NO_LUNCH, "regular 09:00-12:00", "regular 13:00-15:00", certain=False),
    *_rows("KRX", "first", _BEGIN, _BEFORE_NO_LUNCH, "regular 10:00-12:00", "regular 13:00-15:00", certain=False),
    *_rows("KRX", "usual", _NO_LUNCH, _BEFORE_LONGER, "regular 09:00-15:00"),
    *_rows("KRX", "first", _NO_LUNCH, _BEFORE_LONGER, "regular 10:00-15:00"),
    *_rows("KRX", "exam", _BEGIN, _BEFORE_LONGER, "regular 10:00-16:00", certain=False),
    *_rows("KRX", "usual", _LONGER, _END, "regular 09:00-15:30", "auction 15:20-15:30", "after_close 15:40-16:00"),
    *_rows("KRX", "first", _LONGER, _END, "regular 10:00-15:30", "auction 15:20-15:30", "after_close 15:40-16:00"),
    *_rows("KRX", "exam", _LONGER, _END, "regular 10:00-16:30", "auction 16:20-16:30", "after_close 16:40-17:00"),
    *_rows("KRX", "usual", _LONGER, _BEFORE_SHORT_AUCTION, "auction 08:00-09:00", "pre_close 07:30-08:30"),
    *_rows("KRX", "first", _LONGER, _BEFORE_SHORT_AUCTION, "auction 09:00-10:00", "pre_close 08:30-09:30"),
    *_rows("KRX", "exam", _LONGER, _BEFORE_SHORT_AUCTION, "auction 09:00-10:00", "pre_close 08:30-09:30"),
    *_rows("KRX", "usual", _SHORT_AUCTION, _END, "auction 08:30-09:00", "pre_close 08:30-08:40"),
    *_rows("KRX", "first", _SHORT_AUCTION, _END, "auction 09:30-10:00", "pre_close 09:30-09:40"),
    *_rows("KRX", "exam", _SHORT_AUCTION, _END, "auction 09:30-10:00", "pre_close 09:30-09:40"),
    *_rows("KRX", "usual", _LONGER, _BEFORE_AFTER_MARKET, "after_single 16:00-18:00"),
    *_rows("KRX", "first", _LONGER, _BEFORE_AFTER_MARKET, "after_single 16:00-18:00"),
    *_rows("KRX", "exam", _LONGER, _BEFORE_AFTER_MARKET, "after_single 17:00-18:00"),
    *_rows("KRX", "usual", _AFTER_MARKET, _END, "after 16:00-20:00", certain=False),
    *_rows("KRX", "first", _AFTER_MARKET, _END, "after 16:00-20:00", certain=False),
    *_rows("KRX", "exam", _AFTER_MARKET, _END, "after 17:00-20:00", certain=False),
    # The main market's first trades come half a minute after the opening. The after-market begins with ten minutes in
    # which orders are collected.
    *_rows("NXT", "usual", _NXT, _END, "pre 08:00-08:50", "regular 09:00-15:20", "after 15:30-20:00"),
    *_rows("NXT", "first", _NXT, _END, "regular 10:00-15:20", "after 15:30-20:00"),
    *_rows("NXT", "exam", _NXT, _END, "regular 10:00-16:20", "after 16:30-20:00"),
    *_rows("NXT", "usual", _NXT, _END, "auction 15:30-15:40"),
    *_rows("NXT", "first", _NXT, _END, "auction 15:30-15:40"),
    *_rows("NXT", "exam", _NXT, _END, "auction 16:30-16:40", certain=False),
)


def rows_on(day: date, plan: Plan, venue: Venue) -> list[HoursRow]:
    """The rows in force on a Session, by opening."""
    found = [row for row in ROWS if row.venue == venue and row.plan == plan and row.since <= day <= row.until]
    return sorted(found, key=lambda row: (row.opens, row.closes))
