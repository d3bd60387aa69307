"""What lies ahead: Sessions with their hours, closed days and what runs now, as the API and the command show them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from ralph.errors import BadParameter
from ralph.market.calendar import Calendar, Event, Hours, day_of
from ralph.market.closed import Closure
from ralph.market.hours import EXAM_DAYS_KNOWN_TO, VENUES, Plan, Venue

SPAN_DAYS = 30  # shown when no end is given
SPAN_DAYS_MAX = 1_100  # three years


class SessionDay(msgspec.Struct, frozen=True):
    """A Session: plan is `usual`, `first` (of a year, opens late) or `exam` (everything an hour later)."""

    on: date
    plan: Plan
    hours: list[Hours]


class VenueClock(msgspec.Struct, frozen=True):
    """What runs at a venue now, null between, and the next opening or closing."""

    venue: Venue
    running: Hours | None
    next: Event


class Agenda(msgspec.Struct, frozen=True):
    """Instants are UTC. exam_days_known_to: from the next year on, exam days have to be named in calendar.toml."""

    first: date
    last: date
    sessions: list[SessionDay]
    closed: list[Closure]
    exam_days_known_to: int
    last_completed_session: date
    clock: list[VenueClock]


def agenda(
    calendar: Calendar, now: datetime, first: date | None = None, last: date | None = None, venue: Venue | None = None
) -> Agenda:
    """The Agenda from `first` (today) to `last` (30 days later), of one venue or all.

    BadParameter for an end before the beginning, more than three years, or years that the calendar does not know.
    """
    first, last = _span(first, last, day_of(now))
    sessions = calendar.sessions_between(first, last)
    return Agenda(
        first=first,
        last=last,
        sessions=[SessionDay(day, calendar.plan_of(day), calendar.hours(day, venue)) for day in sessions],
        closed=calendar.closures(first, last),
        exam_days_known_to=EXAM_DAYS_KNOWN_TO,
        last_completed_session=calendar.last_completed_session(now),
        clock=[
            VenueClock(each, calendar.session_at(now, each), calendar.next_event(now, each))
            for each in VENUES
            if venue in (None, each)
        ],
    )


def _span(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    if first is None:
        first = today if last is None else min(today, last)
    if last is None:
        last = first + min(timedelta(days=SPAN_DAYS), date.max - first)
    if last < first:
        raise BadParameter(f"the end {last} lies before {first}", field="to", accepted=f"{first} or later")
    if (last - first).days > SPAN_DAYS_MAX:
        accepted = f"at most {SPAN_DAYS_MAX} days at a time"
        raise BadParameter(f"{first} to {last} is too long; ask for {accepted}", field="to", accepted=accepted)
    return first, last
