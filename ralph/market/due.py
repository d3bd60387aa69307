"""When a schedule is due: its ticks after an instant and up to one, on the exchange calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from ralph.market.calendar import Calendar, day_of, instant
from ralph.market.closed import DAY, LAST_YEAR
from ralph.market.schedules import MINUTES_AFTER_MAX, AfterClose, Cron, Schedule

AHEAD_DAYS = 8 * 366  # a 29 February comes within eight years; what has no tick by then has none
_SUNDAY = 7  # of isoweekday; cron's is 0
_MIDNIGHT = timedelta(days=1, minutes=MINUTES_AFTER_MAX)  # how far a tick may lie behind its Session's date


def next_tick(schedule: Schedule, calendar: Calendar, after: datetime, *, on_sessions: bool = False) -> datetime | None:
    """The first tick after an instant (aware), UTC; None where there is none within eight years.

    on_sessions  cron's days count only where the exchange trades
    """
    return next(ticks_after(schedule, calendar, after, on_sessions=on_sessions), None)


def ticks_after(
    schedule: Schedule, calendar: Calendar, after: datetime, *, on_sessions: bool = False
) -> Iterator[datetime]:
    """All ticks after an instant (aware), in order, for eight years. Instants are UTC."""
    day = day_of(after - _MIDNIGHT)
    last = day + timedelta(days=AHEAD_DAYS)
    while day <= last and day.year <= LAST_YEAR:
        for tick in _ticks_of(schedule, calendar, day, on_sessions):
            if tick > after:
                yield tick
        day += DAY


def last_tick(
    schedule: Schedule, calendar: Calendar, after: datetime, until: datetime, *, on_sessions: bool = False
) -> datetime | None:
    """The newest tick after `after` and not after `until` (aware), UTC; those before it were missed with it."""
    day = day_of(until)
    while day >= day_of(after - _MIDNIGHT):
        for tick in reversed(_ticks_of(schedule, calendar, day, on_sessions)):
            if after < tick <= until:
                return tick
        day -= DAY
    return None


def session_of(tick: datetime, calendar: Calendar) -> date:
    """The Session that a tick is about: the newest whose regular close is not after it."""
    return calendar.last_completed_session(tick)


def _ticks_of(schedule: Schedule, calendar: Calendar, day: date, on_sessions: bool) -> list[datetime]:
    """The ticks that belong to a day in Seoul; those after a close may fall on the next one."""
    if isinstance(schedule, AfterClose):
        return [calendar.minutes_after_close(day, schedule.minutes)] if calendar.is_session(day) else []
    if not _allows(schedule, day) or (on_sessions and not calendar.is_session(day)):
        return []
    return [instant(day, time(hour, minute)) for hour in sorted(schedule.hour) for minute in sorted(schedule.minute)]


def _allows(cron: Cron, day: date) -> bool:
    """Where both day and weekday are restricted, either will do."""
    by_day, by_weekday = day.day in cron.day, day.isoweekday() % _SUNDAY in cron.weekday
    _, _, days, _, weekdays = cron.text.split()
    is_either = not days.startswith("*") and not weekdays.startswith("*")
    return day.month in cron.month and (by_day or by_weekday if is_either else by_day and by_weekday)
