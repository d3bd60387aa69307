"""Sessions: on which days the Korea Exchange trades, and which Session was the last to close.

Closed days come from the `holidays` package (market XKRX) and the corrections below; hours other than the regular
close, and other venues, join as rows of their own.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache

from ralph.errors import BadParameter

SEOUL = timezone(timedelta(hours=9), "Asia/Seoul")  # no daylight saving since 1988
REGULAR_CLOSE = time(15, 30)

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""The years the package knows; from 2000 on its days agree with every trading day of the KOSPI index."""

_ALSO_CLOSED = frozenset({date(2000, 1, 3), date(2000, 12, 27), date(2000, 12, 28)})  # the package has them open

_YEARS_KEPT = LAST_YEAR - FIRST_YEAR + 1
_SATURDAY = 5
_DAY = timedelta(days=1)


@lru_cache(maxsize=_YEARS_KEPT)
def closed_days(year: int) -> frozenset[date]:
    """The weekdays of a year without trading; BadParameter outside of the years known."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        accepted = f"dates from {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31"
        raise BadParameter(
            f"the exchange calendar does not reach the year {year}; give {accepted}", field="day", accepted=accepted
        )
    from holidays import financial_holidays  # 0.2 s, and only needed where a calendar is

    named = financial_holidays("XKRX", years=year)
    return frozenset(day for day in {*named, *_ALSO_CLOSED} if day.year == year and day.weekday() < _SATURDAY)


def is_session(day: date) -> bool:
    """Whether the exchange trades on this day."""
    return day.weekday() < _SATURDAY and day not in closed_days(day.year)


def sessions_between(first: date, last: date) -> list[date]:
    """All Sessions from `first` to `last`, both included, in order."""
    span = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in span if is_session(day)]


def previous_session(day: date) -> date:
    """The newest Session before this day."""
    day -= _DAY
    while not is_session(day):
        day -= _DAY
    return day


def next_session(day: date) -> date:
    """The first Session after this day."""
    day += _DAY
    while not is_session(day):
        day += _DAY
    return day


def sessions_ending(last: date, count: int) -> list[date]:
    """The newest `count` Sessions up to `last` (included where it is one), in order."""
    found: list[date] = []
    day = last + _DAY
    while len(found) < count:
        day = previous_session(day)
        found.append(day)
    return found[::-1]


def last_completed_session(at: datetime) -> date:
    """The newest Session whose regular close (15:30 in Seoul) has passed at this instant (aware)."""
    assert at.tzinfo is not None, "instants are aware"
    there = at.astimezone(SEOUL)
    today = there.date()
    if there.time() >= REGULAR_CLOSE and is_session(today):
        return today
    return previous_session(today)
