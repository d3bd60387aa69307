"""When schedules are due: as another reader of cron has it, and as the exchange closes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.market.calendar import PUBLISHED, SEOUL
from ralph.market.due import last_tick, next_tick, session_of, ticks_after
from ralph.market.schedules import parse_schedule

EXAM_DAY = date(2026, 11, 19)
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def field(least: int, most: int) -> st.SearchStrategy[str]:
    value = st.integers(least, most)
    spans = st.tuples(value, value).map(lambda ends: f"{min(ends)}-{max(ends)}")
    parts = st.one_of(value.map(str), spans, st.integers(1, 12).map(lambda step: f"*/{step}"))
    return st.one_of(st.just("*"), st.lists(parts, min_size=1, max_size=3).map(",".join))


CRONS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@settings(max_examples=100)
@given(text=CRONS, after=INSTANTS)
def test_ticks_are_those_of_another_reader_of_cron(text: str, after: datetime) -> None:
    ours = list(islice(ticks_after(parse_schedule(text), PUBLISHED, after), 5))
    theirs = CronSim(text, after.astimezone(SEOUL))
    assert ours == [next(theirs) for _ in ours]
    assert len(ours) == 5


@settings(max_examples=60)
@given(text=CRONS, after=INSTANTS, hours=st.integers(1, 24 * 400))
def test_the_last_tick_is_the_last_of_them(text: str, after: datetime, hours: int) -> None:
    """Both ways of looking agree: nothing lies between the last tick and now."""
    schedule, now = parse_schedule(text), after + timedelta(hours=hours)
    found, first = last_tick(schedule, PUBLISHED, after, now), next_tick(schedule, PUBLISHED, after)
    if found is None:
        assert first is None or first > now
        return
    assert first is not None
    assert after < first <= found <= now
    following = next_tick(schedule, PUBLISHED, found)
    assert following is None or following > now


@given(after=INSTANTS, minutes=st.integers(0, 600))
def test_minutes_after_the_close_follow_the_exchange(after: datetime, minutes: int) -> None:
    tick = next_tick(parse_schedule(f"{minutes} minutes after the close"), PUBLISHED, after)
    assert tick is not None
    closed_at = tick - timedelta(minutes=minutes)
    session = closed_at.astimezone(SEOUL).date()
    assert PUBLISHED.closes_at(session) == closed_at
    assert session_of(tick, PUBLISHED) == session
    between = PUBLISHED.sessions_between((after - timedelta(days=2)).date(), session)
    assert all(PUBLISHED.minutes_after_close(day, minutes) <= after for day in between if day < session)


def test_exam_days_and_holidays_move_the_end_of_the_day() -> None:
    """Half an hour after the close is 16:00, 17:00 on an exam day, and nothing when the exchange rests."""
    ticks = ticks_after(parse_schedule("30 minutes after the close"), PUBLISHED, datetime(2026, 11, 18, tzinfo=SEOUL))
    seen = [tick.astimezone(SEOUL) for tick in islice(ticks, 4)]
    assert [(tick.day, tick.hour, tick.minute) for tick in seen] == [(18, 16, 0), (19, 17, 0), (20, 16, 0), (23, 16, 0)]
    assert seen[1].date() == EXAM_DAY


def test_cron_on_sessions_leaves_out_closed_days() -> None:
    eight = parse_schedule("0 8 * * *")
    at = datetime(2026, 12, 24, 9, tzinfo=SEOUL)
    every = [tick.astimezone(SEOUL).day for tick in islice(ticks_after(eight, PUBLISHED, at), 4)]
    assert every == [25, 26, 27, 28]
    traded = [tick.astimezone(SEOUL).day for tick in islice(ticks_after(eight, PUBLISHED, at, on_sessions=True), 4)]
    assert traded == [28, 29, 30, 4]


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_a_day_that_never_comes_has_no_tick(text: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert next_tick(parse_schedule(text), PUBLISHED, at) is None
    assert last_tick(parse_schedule(text), PUBLISHED, at, at + timedelta(days=800)) is None
