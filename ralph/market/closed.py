"""The published closed days of the Korea Exchange: the `holidays` package (market XKRX) and what it has wrong."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import msgspec

from ralph.errors import BadParameter

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""The years the package knows; from 2000 on its days agree with every trading day of the KOSPI index."""

SATURDAY = 5
DAY = timedelta(days=1)

_YEARS_KEPT = LAST_YEAR - FIRST_YEAR + 1


class Closure(msgspec.Struct, frozen=True):
    """A weekday without trading, and why."""

    on: date
    en: str
    ko: str


_ALSO_CLOSED = (  # the package has them open
    Closure(date(2000, 1, 3), "Beginning of the year", "연초 휴장일"),
    Closure(date(2000, 12, 27), "End of Year Holiday", "연말 휴장일"),
    Closure(date(2000, 12, 28), "End of Year Holiday", "연말 휴장일"),
)


@lru_cache(maxsize=_YEARS_KEPT)
def closures(year: int) -> tuple[Closure, ...]:
    """The weekdays of a year without trading, in order; BadParameter outside of the years known."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        accepted = f"dates from {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31"
        raise BadParameter(
            f"the exchange calendar does not reach the year {year}; give {accepted}", field="day", accepted=accepted
        )
    from holidays import financial_holidays  # 0.2 s, and only needed where a calendar is

    english = financial_holidays("XKRX", years=year, language="en_US")
    korean = financial_holidays("XKRX", years=year, language="ko")
    named = [Closure(day, english[day], korean[day]) for day in english if day.weekday() < SATURDAY]
    found = [each for each in (*named, *_ALSO_CLOSED) if each.on.year == year]
    return tuple(sorted(found, key=lambda each: each.on))


@lru_cache(maxsize=_YEARS_KEPT)
def closed_days(year: int) -> frozenset[date]:
    """The weekdays of a year without trading; BadParameter outside of the years known."""
    return frozenset(closure.on for closure in closures(year))
