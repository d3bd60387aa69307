"""What an operator changes of the published calendar: the text of the override file, parsed into a value."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, TypeVar

import msgspec

from ralph.catalog import nearest
from ralph.errors import Misconfigured
from ralph.market.closed import FIRST_YEAR, LAST_YEAR, SATURDAY, closed_days
from ralph.market.hours import KINDS, VENUES, Kind, Venue

Value = TypeVar("Value")

DAY_LISTS = ("closed", "opened", "exam_days", "late_openings")
_HOURS_KEYS = ("day", "venue", "kind", "opens", "closes")
_EXCLUSIVE = (
    ("closed", "opened"),
    ("exam_days", "late_openings"),
)


class ChangedHours(msgspec.Struct, frozen=True):
    """The hours of one kind on one day at one venue, in Seoul's time; without times that kind is left out."""

    day: date
    venue: Venue
    kind: Kind
    opens: time | None = None
    closes: time | None = None


class Changes(msgspec.Struct, frozen=True):
    """Days closed or opened against the published calendar, days with special hours, and single hours.

    Where `hours` name a day, venue and kind, they replace all published hours of that kind there.
    """

    closed: frozenset[date] = frozenset()
    opened: frozenset[date] = frozenset()
    exam_days: frozenset[date] = frozenset()
    late_openings: frozenset[date] = frozenset()
    hours: tuple[ChangedHours, ...] = ()


NOTHING_CHANGED = Changes()


def parse_changes(text: str, name: str = "calendar.toml") -> Changes:
    """The Changes of an override file. Misconfigured names the key and what would be accepted.

    text  TOML: lists of dates `closed`, `opened`, `exam_days`, `late_openings`; tables `[[hours]]` with day, venue,
          kind, and opens and closes (both, or neither for no such trading on that day)
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name} is not TOML: {error}", field=name) from error
    reader = _Reader(name)
    reader.check_keys("", tables, (*DAY_LISTS, "hours"))
    days = {key: reader.days(key, tables.get(key, [])) for key in DAY_LISTS}
    for one, other in _EXCLUSIVE:
        for day in sorted(days[one] & days[other]):
            raise reader.wrong(other, f"{day} is also in {one}", "each day in one of the two lists")
    hours = reader.list_of("hours", tables.get("hours", []), "tables [[hours]]", reader.hours)
    for key in ("exam_days", "late_openings"):
        for day in sorted(days[key]):
            reader.check_open(key, day, days)
    for index, each in enumerate(hours):
        reader.check_open(f"hours[{index}].day", each.day, days)
    reader.check_apart(hours)
    return Changes(**days, hours=hours)


class _Reader:
    """Turns TOML values into ours, or into an error that names their place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def wrong(self, key: str, reason: str, accepted: str) -> Misconfigured:
        return Misconfigured(f"{self._name}: {key}: {reason}; use {accepted}", field=key, accepted=accepted)

    def check_keys(self, place: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                near = nearest(key, list(known))
                hint = f"did you mean {near}?" if near else f"known: {', '.join(known)}"
                raise Misconfigured(
                    f"{self._name}: there is no key {place}{key}; {hint}", field=f"{place}{key}", accepted=near
                )

    def list_of(self, key: str, values: Any, accepted: str, read: Callable[[str, Any], Value]) -> tuple[Value, ...]:
        if not isinstance(values, list):
            raise self.wrong(key, f"{values!r} is not a list", accepted)
        return tuple(read(f"{key}[{index}]", value) for index, value in enumerate(values))

    def days(self, key: str, values: Any) -> frozenset[date]:
        return frozenset(self.list_of(key, values, "a list of dates like [2026-08-17]", self.day))

    def day(self, key: str, value: Any) -> date:
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.wrong(key, f"{value!r} is not a date", "a date like 2026-08-17, without quotes")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise self.wrong(key, f"{value} is out of range", f"dates from {FIRST_YEAR}-01-01 to {LAST_YEAR}-12-31")
        return value

    def hours(self, key: str, table: Any) -> ChangedHours:
        if not isinstance(table, dict):
            raise self.wrong(key, f"{table!r} is not a table", "tables [[hours]]")
        self.check_keys(f"{key}.", table, _HOURS_KEYS)
        if missing := [name for name in ("day", "venue", "kind") if name not in table]:
            raise self.wrong(f"{key}.{missing[0]}", "it is missing", "day, venue and kind in each [[hours]]")
        day = self.day(f"{key}.day", table["day"])
        venue = self.choice(f"{key}.venue", table["venue"], VENUES)
        kind = self.choice(f"{key}.kind", table["kind"], KINDS)
        opens, closes = (self.time(f"{key}.{name}", table.get(name)) for name in ("opens", "closes"))
        if (opens is None) != (closes is None):
            raise self.wrong(f"{key}.opens", "one of opens and closes is missing", "both, or neither for no trading")
        if opens is not None and closes is not None and opens >= closes:
            raise self.wrong(f"{key}.closes", f"{closes} is not after {opens}", "a time after opens")
        if opens is None and (venue, kind) == ("KRX", "regular"):
            raise self.wrong(
                f"{key}.opens", "a Session has regular hours", "opens and closes, or put the day in closed"
            )
        return ChangedHours(day, venue, kind, opens, closes)

    def choice(self, key: str, value: Any, known: tuple[Value, ...]) -> Value:
        if value not in known:
            raise self.wrong(key, f"{value!r} is not known", ", ".join(str(each) for each in known))
        return known[known.index(value)]

    def time(self, key: str, value: Any) -> time | None:
        if value is not None and (not isinstance(value, time) or value.second or value.microsecond):
            raise self.wrong(key, f"{value!r} is not a time in whole minutes", "a time like 10:00:00, without quotes")
        return value

    def check_open(self, key: str, day: date, days: dict[str, frozenset[date]]) -> None:
        """Hours of a day without trading would be passed over in silence."""
        published = day.weekday() < SATURDAY and day not in closed_days(day.year)
        if day in days["closed"] or not (published or day in days["opened"]):
            raise self.wrong(key, f"{day} is not a Session", "a Session, or put the day in opened")

    def check_apart(self, hours: tuple[ChangedHours, ...]) -> None:
        """No hours of a kind overlap, or contradict that there are none."""
        for index, one in enumerate(hours):
            key = f"hours[{index}]"
            for other in hours[:index]:
                if (one.day, one.venue, one.kind) == (other.day, other.venue, other.kind) and _overlap(one, other):
                    raise self.wrong(key, f"it overlaps other hours of {one.kind} on {one.day}", "hours that lie apart")


def _overlap(one: ChangedHours, other: ChangedHours) -> bool:
    if one.opens is None or one.closes is None or other.opens is None or other.closes is None:
        return True
    return one.opens < other.closes and other.opens < one.closes
