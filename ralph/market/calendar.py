"""The exchange calendar: which days are Sessions, when each venue trades on them, and what follows an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal

import msgspec

from ralph.errors import BadParameter
from ralph.market.changes import NOTHING_CHANGED, Changes
from ralph.market.closed import DAY, SATURDAY, Closure, closed_days, closures
from ralph.market.grid import Grid, Instants, minutes_of
from ralph.market.hours import EXAM_DAYS, VENUES, Kind, Plan, Venue, rows_on

SEOUL = timezone(timedelta(hours=9), "Asia/Seoul")  # no daylight saving since 1988

SETTLEMENT_SESSIONS = 2
"""A trade is settled, and by the tax law the shares change hands, this many Sessions later."""

_JANUARY_DAYS = 12  # the first Session of a year has always been among them
_PRICES_KINDS: tuple[Kind, ...] = ("pre", "pre_close", "regular", "after_close", "after_single", "after")


class Hours(msgspec.Struct, frozen=True):
    """One stretch of trading on one Session; instants are UTC. certain is False where the hours are not confirmed."""

    on: date
    venue: Venue
    kind: Kind
    opens_at: datetime
    closes_at: datetime
    certain: bool = True


class Event(msgspec.Struct, frozen=True):
    """An opening or a closing."""

    at: datetime
    what: Literal["opens", "closes"]
    hours: Hours


@dataclass(frozen=True)
class Calendar:
    """The Korean exchange calendar, published or with an operator's changes. BadParameter for years it does not know.

    Days are dates in Seoul. "Close" is the end of the regular hours: 15:30, and 16:30 on exam days.
    """

    changes: Changes = NOTHING_CHANGED

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this day."""
        if day in self.changes.closed:
            return False
        return day in self.changes.opened or (day.weekday() < SATURDAY and day not in closed_days(day.year))

    def closures(self, first: date, last: date) -> list[Closure]:
        """The weekdays from `first` to `last` without trading, and why."""
        published = [each for year in range(first.year, last.year + 1) for each in closures(year)]
        named = {each.on: each for each in published if each.on not in self.changes.opened}
        for day in self.changes.closed:
            named.setdefault(day, Closure(day, "Closed by calendar.toml", "calendar.toml의 휴장일"))
        return [named[day] for day in sorted(named) if first <= day <= last]

    def sessions_between(self, first: date, last: date) -> list[date]:
        """All Sessions from `first` to `last`, both included, in order."""
        span = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [day for day in span if self.is_session(day)]

    def previous_session(self, day: date) -> date:
        """The newest Session before this day."""
        day -= DAY
        while not self.is_session(day):
            day -= DAY
        return day

    def next_session(self, day: date) -> date:
        """The first Session after this day."""
        day += DAY
        while not self.is_session(day):
            day += DAY
        return day

    def sessions_ending(self, last: date, count: int) -> list[date]:
        """The newest `count` Sessions up to `last` (included where it is one), in order."""
        found: list[date] = []
        day = last + DAY
        while len(found) < count:
            day = self.previous_session(day)
            found.append(day)
        return found[::-1]

    def settles_on(self, traded_on: date) -> date:
        """The Session on which a trade is settled; a change of tax counts from it."""
        day = traded_on
        for _ in range(SETTLEMENT_SESSIONS):
            day = self.next_session(day)
        return day

    def plan_of(self, day: date) -> Plan:
        """Which hours a Session has: those of an exam day, of a late opening, or the usual ones."""
        if day in self.changes.exam_days:
            return "exam"
        if day in self.changes.late_openings:
            return "first"
        if day in EXAM_DAYS:
            return "exam"
        is_first = (
            day.month == 1 and day.day <= _JANUARY_DAYS and not self.sessions_between(day.replace(day=1), day - DAY)
        )
        return "first" if is_first else "usual"

    def hours(self, day: date, venue: Venue | None = None) -> list[Hours]:
        """All trading of a Session, by venue and opening; none on other days."""
        if not self.is_session(day):
            return []
        plan = self.plan_of(day)
        return [each for name in VENUES if venue in (None, name) for each in self._hours_at(day, plan, name)]

    def _hours_at(self, day: date, plan: Plan, venue: Venue) -> list[Hours]:
        changed = [each for each in self.changes.hours if each.day == day and each.venue == venue]
        kinds = {each.kind for each in changed}
        found = [
            Hours(day, venue, row.kind, instant(day, row.opens), instant(day, row.closes), row.certain)
            for row in rows_on(day, plan, venue)
            if row.kind not in kinds
        ]
        found += [
            Hours(day, venue, each.kind, instant(day, each.opens), instant(day, each.closes))
            for each in changed
            if each.opens is not None and each.closes is not None
        ]
        return sorted(found, key=lambda hours: (hours.opens_at, hours.closes_at))

    def opens_at(self, day: date, venue: Venue = "KRX", kind: Kind = "regular") -> datetime:
        """The instant (UTC) at which that trading begins; BadParameter where the day or the venue has none."""
        return self._of_kind(day, venue, kind)[0].opens_at

    def closes_at(self, day: date, venue: Venue = "KRX", kind: Kind = "regular") -> datetime:
        """The instant (UTC) at which that trading ends; BadParameter where the day or the venue has none."""
        return self._of_kind(day, venue, kind)[-1].closes_at

    def minutes_after_close(self, day: date, minutes: int, venue: Venue = "KRX") -> datetime:
        """The instant (UTC) so many minutes after the regular close of a Session; before it where negative."""
        return self.closes_at(day, venue) + timedelta(minutes=minutes)

    def minute_grid(self, day: date, venue: Venue = "KRX", kind: Kind = "regular") -> Instants:
        """The starts (datetime64[m], UTC) of the one-minute slots of a Session: 390 usually, 330 on its first."""
        return minutes_of([(each.opens_at, each.closes_at) for each in self._of_kind(day, venue, kind)])

    def grid(self, first: date, last: date, venue: Venue = "KRX") -> Grid:
        """The regular hours of all Sessions from `first` to `last`, on which minute bars are resampled."""
        spans = [
            (each.opens_at, each.closes_at)
            for day in self.sessions_between(first, last)
            for each in self.hours(day, venue)
            if each.kind == "regular"
        ]
        return Grid.of(spans, prints_at_close=True)

    def session_at(self, at: datetime, venue: Venue = "KRX") -> Hours | None:
        """What runs at a venue at an instant (aware), None between. Of several the shortest: an auction within the
        regular hours is an auction."""
        running = [each for each in self.hours(day_of(at), venue) if each.opens_at <= at < each.closes_at]
        return min(running, key=lambda each: each.closes_at - each.opens_at, default=None)

    def next_event(self, at: datetime, venue: Venue = "KRX", kinds: tuple[Kind, ...] = _PRICES_KINDS) -> Event:
        """The first opening or closing after an instant (aware), auctions left out unless asked for."""
        day = day_of(at)
        while True:
            events = [event for each in self.hours(day, venue) if each.kind in kinds for event in _events(each)]
            if following := [event for event in events if event.at > at]:
                return min(following, key=lambda event: event.at)
            day = self.next_session(day)

    def last_completed_session(self, at: datetime) -> date:
        """The newest Session whose regular close has passed at this instant (aware)."""
        today = day_of(at)
        if self.is_session(today) and at >= self.closes_at(today):
            return today
        return self.previous_session(today)

    def _of_kind(self, day: date, venue: Venue, kind: Kind) -> list[Hours]:
        found = [each for each in self.hours(day, venue) if each.kind == kind]
        if not found and not self.is_session(day):
            following = self.next_session(day)
            raise BadParameter(f"{day} is not a Session; the next is {following}", field="day", accepted=str(following))
        if not found:
            kinds = ", ".join(dict.fromkeys(each.kind for each in self.hours(day, venue))) or "nothing"
            raise BadParameter(f"{venue} has no {kind} trading on {day}; it has {kinds}", field="kind", accepted=kinds)
        return found


def day_of(at: datetime) -> date:
    """The date in Seoul at an instant (aware)."""
    assert at.tzinfo is not None, "instants are aware"
    return at.astimezone(SEOUL).date()


def instant(day: date, at: time) -> datetime:
    """The instant (UTC) of a time in Seoul."""
    return datetime.combine(day, at, SEOUL).astimezone(UTC)


def _events(hours: Hours) -> list[Event]:
    return [Event(hours.opens_at, "opens", hours), Event(hours.closes_at, "closes", hours)]


PUBLISHED = Calendar()
"""The calendar as published, without anyone's changes."""
