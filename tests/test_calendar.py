"""The exchange calendar: every closed day since 2020, late openings, NXT, minute grids, the market clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.calendar import PUBLISHED, SEOUL, Calendar, instant
from ralph.market.changes import Changes
from ralph.market.closed import closed_days, closures
from ralph.market.hours import EXAM_DAYS, KINDS, ROWS, VENUES, Kind, Venue

CLOSED = {
    2020: "0101 0124 0127 0415 0430 0501 0505 0817 0930 1001 1002 1009 1225 1231",
    2021: "0101 0211 0212 0301 0505 0519 0816 0920 0921 0922 1004 1011 1231",
    2022: "0131 0201 0202 0301 0309 0505 0601 0606 0815 0909 0912 1003 1010 1230",
    2023: "0123 0124 0301 0501 0505 0529 0606 0815 0928 0929 1002 1003 1009 1225 1229",
    2024: "0101 0209 0212 0301 0410 0501 0506 0515 0606 0815 0916 0917 0918 1001 1003 1009 1225 1231",
    2025: "0101 0127 0128 0129 0130 0303 0501 0505 0506 0603 0606 0815 1003 1006 1007 1008 1009 1225 1231",
    2026: "0101 0216 0217 0218 0302 0501 0505 0525 0603 0717 0817 0924 0925 1005 1009 1225 1231",
}
FIRST_SESSIONS = [
    date(2020, 1, 2),
    date(2021, 1, 4),
    date(2022, 1, 3),
    date(2023, 1, 2),
    date(2024, 1, 2),
    date(2025, 1, 2),
    date(2026, 1, 2),
]
DAYS = st.dates(date(2017, 1, 1), date(2030, 12, 31))
INSTANTS = st.datetimes(datetime(2017, 1, 3), datetime(2030, 12, 20), timezones=st.just(UTC))  # noqa: DTZ001


def seoul(at: datetime) -> str:
    return f"{at.astimezone(SEOUL):%H:%M}"


def spans(day: date, venue: Venue, kind: Kind) -> list[str]:
    return [
        f"{seoul(each.opens_at)}-{seoul(each.closes_at)}" for each in PUBLISHED.hours(day, venue) if each.kind == kind
    ]


@pytest.mark.parametrize("year", CLOSED)
def test_the_closed_days_of_a_year_are_these(year: int) -> None:
    assert [f"{day:%m%d}" for day in sorted(closed_days(year))] == CLOSED[year].split()
    for closure in closures(year):
        assert closure.en
        assert closure.ko


def test_every_trading_day_of_the_indices_has_hours_and_no_other_day(shared_dir: Path) -> None:
    index = pl.read_parquet(shared_dir / "data" / "krx_index.parquet", columns=["date"])
    traded = {day for day in index["date"].unique() if day is not None and day >= date(2000, 1, 1)}
    day, last = date(2000, 1, 1), max(traded)
    while day <= last:
        assert bool(PUBLISHED.hours(day, "KRX")) == (day in traded), day
        day += timedelta(days=1)


def test_the_first_session_of_a_year_opens_at_ten_and_closes_as_ever() -> None:
    for day in FIRST_SESSIONS:
        assert spans(day, "KRX", "regular") == ["10:00-15:30"]
        assert PUBLISHED.minute_grid(day).size == 330
    late = [
        day for year in range(2020, 2027) for day in PUBLISHED.sessions_between(date(year, 1, 1), date(year, 12, 31))
    ]
    assert [day for day in late if PUBLISHED.plan_of(day) == "first"] == FIRST_SESSIONS


def test_on_exam_days_the_exchange_trades_an_hour_later() -> None:
    assert {day.year: day for day in EXAM_DAYS} == {
        2020: date(2020, 12, 3),
        2021: date(2021, 11, 18),
        2022: date(2022, 11, 17),
        2023: date(2023, 11, 16),
        2024: date(2024, 11, 14),
        2025: date(2025, 11, 13),
        2026: date(2026, 11, 19),
    }
    for day in EXAM_DAYS:
        assert day.weekday() == 3
        assert spans(day, "KRX", "regular") == ["10:00-16:30"]
        assert spans(day, "KRX", "auction") == ["09:30-10:00", "16:20-16:30"]
        assert PUBLISHED.minute_grid(day).size == 390


@pytest.mark.parametrize(
    ("day", "kind", "hours"),
    [
        (date(2025, 2, 28), "regular", []),
        (date(2025, 3, 4), "pre", ["08:00-08:50"]),
        (date(2025, 3, 4), "regular", ["09:00-15:20"]),
        (date(2025, 3, 4), "after", ["15:30-20:00"]),
        (date(2025, 11, 13), "pre", []),
        (date(2025, 11, 13), "regular", ["10:00-16:20"]),
        (date(2025, 11, 13), "after", ["16:30-20:00"]),
        (date(2026, 1, 2), "pre", []),
        (date(2026, 1, 2), "regular", ["10:00-15:20"]),
        (date(2026, 11, 19), "pre", []),
        (date(2026, 11, 20), "after", ["15:30-20:00"]),
    ],
)
def test_nxt_trades_from_march_2025_on(day: date, kind: Kind, hours: list[str]) -> None:
    assert spans(day, "NXT", kind) == hours


@pytest.mark.parametrize(
    ("day", "kind", "hours"),
    [
        (date(2000, 3, 2), "regular", ["09:00-12:00", "13:00-15:00"]),
        (date(2016, 7, 29), "regular", ["09:00-15:00"]),
        (date(2016, 8, 1), "regular", ["09:00-15:30"]),
        (date(2019, 4, 26), "auction", ["08:00-09:00", "15:20-15:30"]),
        (date(2019, 4, 29), "auction", ["08:30-09:00", "15:20-15:30"]),
        (date(2026, 9, 11), "after_single", ["16:00-18:00"]),
        (date(2026, 9, 11), "after", []),
        (date(2026, 9, 14), "after_single", []),
        (date(2026, 9, 14), "after", ["16:00-20:00"]),
        (date(2026, 9, 14), "pre", []),
    ],
)
def test_the_hours_of_the_exchange_are_those_of_their_time(day: date, kind: Kind, hours: list[str]) -> None:
    assert spans(day, "KRX", kind) == hours


def test_what_is_not_confirmed_says_so() -> None:
    assert not PUBLISHED.session_at(instant(date(2026, 11, 20), time(18)), "KRX").certain  # type: ignore[union-attr]
    assert PUBLISHED.session_at(instant(date(2026, 11, 20), time(18)), "NXT").certain  # type: ignore[union-attr]


def test_rows_of_one_plan_and_kind_never_overlap() -> None:
    for one in ROWS:
        assert one.opens < one.closes
        assert one.since <= one.until
        for other in ROWS:
            same = (one.venue, one.plan, one.kind) == (other.venue, other.plan, other.kind) and one is not other
            if same and one.since <= other.until and other.since <= one.until:
                assert one.closes <= other.opens or other.closes <= one.opens


@given(DAYS)
def test_every_session_has_regular_hours_of_krx_and_no_other_day_has_any(day: date) -> None:
    assert bool(PUBLISHED.hours(day)) == PUBLISHED.is_session(day)
    if PUBLISHED.is_session(day):
        opens_at, closes_at = PUBLISHED.opens_at(day), PUBLISHED.closes_at(day)
        grid = PUBLISHED.minute_grid(day)
        assert opens_at.tzinfo is UTC
        assert grid.dtype == np.dtype("datetime64[m]")
        assert grid[0] == np.datetime64(opens_at.replace(tzinfo=None), "m")
        assert grid[-1] + 1 == np.datetime64(closes_at.replace(tzinfo=None), "m")
        assert (np.diff(grid) == np.timedelta64(1, "m")).all()
        assert PUBLISHED.minutes_after_close(day, 40) == closes_at + timedelta(minutes=40)
    else:
        with pytest.raises(BadParameter, match="is not a Session; the next is"):
            PUBLISHED.opens_at(day)


@given(INSTANTS, st.sampled_from(VENUES))
def test_the_next_event_comes_after_and_nothing_happens_until_then(at: datetime, venue: Venue) -> None:
    if venue == "NXT" and at < datetime(2025, 3, 4, tzinfo=UTC):
        at += timedelta(days=3_300)
    event = PUBLISHED.next_event(at, venue, KINDS)
    assert event.at > at
    before = event.at - timedelta(seconds=1)
    if before >= at:
        assert PUBLISHED.session_at(before, venue) == PUBLISHED.session_at(at, venue)
        assert PUBLISHED.next_event(before, venue, KINDS).at == event.at
    running = [each for each in PUBLISHED.hours(event.hours.on, venue) if each.opens_at <= event.at < each.closes_at]
    assert (event.hours in running) == (event.what == "opens")


@given(INSTANTS)
def test_the_last_completed_session_has_closed_and_the_next_has_not(at: datetime) -> None:
    day = PUBLISHED.last_completed_session(at)
    assert PUBLISHED.closes_at(day) <= at < PUBLISHED.closes_at(PUBLISHED.next_session(day))


@pytest.mark.parametrize(
    ("at", "completed"),
    [
        (datetime(2026, 11, 19, 16, 29, tzinfo=SEOUL), date(2026, 11, 18)),
        (datetime(2026, 11, 19, 16, 30, tzinfo=SEOUL), date(2026, 11, 19)),
        (datetime(2026, 1, 2, 15, 30, tzinfo=SEOUL), date(2026, 1, 2)),
    ],
)
def test_an_exam_day_is_completed_an_hour_later(at: datetime, completed: date) -> None:
    assert PUBLISHED.last_completed_session(at) == completed


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (time(8, 35), "pre_close"),
        (time(8, 45), "auction"),
        (time(9), "regular"),
        (time(15, 20), "auction"),
        (time(15, 30), None),
        (time(15, 40), "after_close"),
        (time(19, 59), "after"),
        (time(20), None),
    ],
)
def test_the_clock_tells_what_runs(at: time, kind: Kind | None) -> None:
    running = PUBLISHED.session_at(instant(date(2026, 11, 20), at))
    assert (running.kind if running else None) == kind


def test_trading_at_an_instant_is_told_apart_by_venue() -> None:
    at = instant(date(2026, 11, 20), time(8, 10))
    assert PUBLISHED.session_at(at) is None
    assert PUBLISHED.session_at(at, "NXT").kind == "pre"  # type: ignore[union-attr]
    with pytest.raises(BadParameter, match="NXT has no pre trading on 2026-11-19; it has regular, auction, after"):
        PUBLISHED.opens_at(date(2026, 11, 19), "NXT", "pre")


def test_a_trade_is_settled_two_sessions_later() -> None:
    """So the tax of 2025 began with the trades of 2024-12-27, as the brokers announced."""
    assert PUBLISHED.settles_on(date(2024, 12, 26)) == date(2024, 12, 30)
    assert PUBLISHED.settles_on(date(2024, 12, 27)) == date(2025, 1, 2)


def test_changes_of_an_operator_move_days_and_hours() -> None:
    calendar = Calendar(
        Changes(
            closed=frozenset({date(2027, 7, 20)}),
            opened=frozenset({date(2027, 5, 5)}),
            exam_days=frozenset({date(2027, 11, 18)}),
            late_openings=frozenset({date(2027, 3, 3)}),
        )
    )
    assert not calendar.is_session(date(2027, 7, 20))
    assert calendar.is_session(date(2027, 5, 5))
    assert seoul(calendar.closes_at(date(2027, 11, 18))) == "16:30"
    assert [seoul(calendar.opens_at(date(2027, 3, 3), venue)) for venue in VENUES] == ["10:00", "10:00"]
    assert [each.on for each in calendar.closures(date(2027, 7, 20), date(2027, 7, 20))] == [date(2027, 7, 20)]
    assert calendar.closures(date(2027, 5, 5), date(2027, 5, 5)) == []
    assert PUBLISHED.is_session(date(2027, 7, 20))
