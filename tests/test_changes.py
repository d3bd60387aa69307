"""The override file of the calendar: what it can say, and what it says when something in it is wrong."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.embedded.home import Home
from ralph.errors import Misconfigured
from ralph.market.calendar import PUBLISHED, SEOUL, Calendar
from ralph.market.changes import Changes, parse_changes

WHOLE = """
closed = [2027-07-20]
opened = [2027-05-05]
exam_days = [2027-11-18]
late_openings = [2027-03-03]

[[hours]]
day = 2027-03-04
venue = "NXT"
kind = "pre"

[[hours]]
day = 2027-03-04
venue = "KRX"
kind = "regular"
opens = 09:30:00
closes = 12:00:00

[[hours]]
day = 2027-03-04
venue = "KRX"
kind = "regular"
opens = 13:00:00
closes = 15:00:00
"""
HOURS = '[[hours]]\nday = 2027-03-04\nvenue = "KRX"\nkind = "regular"\n'
DAYS = st.frozensets(st.dates(date(2020, 1, 1), date(2030, 12, 31)), max_size=5)


def test_a_file_says_days_and_hours() -> None:
    changes = parse_changes(WHOLE)
    assert changes.closed == {date(2027, 7, 20)}
    assert changes.opened == {date(2027, 5, 5)}
    assert changes.exam_days == {date(2027, 11, 18)}
    assert changes.late_openings == {date(2027, 3, 3)}
    calendar = Calendar(changes)
    day = date(2027, 3, 4)
    assert calendar.opens_at(day).astimezone(SEOUL).time() == time(9, 30)
    assert calendar.closes_at(day).astimezone(SEOUL).time() == time(15)
    assert calendar.minute_grid(day).size == 150 + 120
    assert "pre" in {each.kind for each in PUBLISHED.hours(day, "NXT")}
    assert "pre" not in {each.kind for each in calendar.hours(day, "NXT")}
    assert calendar.hours(day, "NXT") == [each for each in PUBLISHED.hours(day, "NXT") if each.kind != "pre"]


def test_an_empty_file_changes_nothing() -> None:
    assert parse_changes("# nothing yet\n") == Changes()


@given(DAYS, DAYS)
def test_days_come_back_as_they_were_written(closed: frozenset[date], opened: frozenset[date]) -> None:
    opened -= closed
    text = f"closed = [{', '.join(map(str, closed))}]\nopened = [{', '.join(map(str, opened))}]\n"
    changes = parse_changes(text)
    assert (changes.closed, changes.opened) == (closed, opened)
    calendar = Calendar(changes)
    assert not any(calendar.is_session(day) for day in closed)
    assert all(calendar.is_session(day) for day in opened)


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        ("closed = 2027", "closed", "2027 is not a list; use a list of dates"),
        ('closed = ["2027-01-04"]', "closed[0]", "'2027-01-04' is not a date; use a date like 2026-08-17, without"),
        ("closed = [2027-01-04T10:00:00]", "closed[0]", "is not a date"),
        ("closed = [1999-01-04]", "closed[0]", "out of range; use dates from 2000-01-01"),
        ("close = [2027-01-04]", "close", "there is no key close; did you mean closed?"),
        ("what = 1", "what", "known: closed, opened"),
        ("closed = [2027-01-04]\nopened = [2027-01-04]", "opened", "2027-01-04 is also in closed"),
        ("closed = [2027-01-04]\nexam_days = [2027-01-04]", "exam_days", "2027-01-04 is not a Session"),
        (
            "exam_days = [2027-11-20]",
            "exam_days",
            "2027-11-20 is not a Session; use a Session, or put the day in opened",
        ),
        ("exam_days = [2027-11-18]\nlate_openings = [2027-11-18]", "late_openings", "is also in exam_days"),
        ("closed = [", "calendar.toml", "is not TOML"),
        ("hours = 3", "hours", "3 is not a list"),
        ("hours = [3]", "hours[0]", "3 is not a table"),
        (HOURS.replace("KRX", "NYSE"), "hours[0].venue", "'NYSE' is not known; use KRX, NXT"),
        (HOURS.replace("regular", "night"), "hours[0].kind", "'night' is not known; use pre, pre_close"),
        (HOURS.replace("kind", "knd"), "hours[0].knd", "did you mean kind?"),
        (HOURS.replace("day = 2027-03-04\n", ""), "hours[0].day", "it is missing"),
        (HOURS, "hours[0].opens", "a Session has regular hours"),
        (HOURS + "opens = 10:00:00", "hours[0].opens", "one of opens and closes is missing"),
        (HOURS + "opens = 10:00:00\ncloses = 09:00:00", "hours[0].closes", "09:00:00 is not after 10:00:00"),
        (HOURS + 'opens = "10:00"\ncloses = 11:00:00', "hours[0].opens", "not a time in whole minutes"),
        (HOURS + "opens = 10:00:30\ncloses = 11:00:00", "hours[0].opens", "not a time in whole minutes"),
        ("closed = [2027-03-04]\n" + HOURS + "opens = 10:00:00\ncloses = 11:00:00", "hours[0].day", "not a Session"),
        (2 * (HOURS + "opens = 10:00:00\ncloses = 11:00:00\n"), "hours[1]", "overlaps other hours of regular"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_do(text: str, field: str, told: str) -> None:
    with pytest.raises(Misconfigured, match="calendar") as refusal:
        parse_changes(text)
    assert refusal.value.field == field
    assert told in refusal.value.message
    assert refusal.value.message.startswith("calendar.toml")
    assert "\n" not in refusal.value.message


def test_a_home_reads_its_calendar(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.calendar() == PUBLISHED
    (tmp_path / "calendar.toml").write_text("closed = [2027-07-20]\n")
    assert not home.calendar().is_session(date(2027, 7, 20))
    (tmp_path / "calendar.toml").write_bytes(b"closed = [\xff")
    with pytest.raises(Misconfigured, match=r"cannot read .*calendar\.toml"):
        home.calendar()
    (tmp_path / "calendar.toml").write_text("closed = 1\n")
    with pytest.raises(Misconfigured, match=r"calendar\.toml: closed: 1 is not a list"):
        home.calendar()
