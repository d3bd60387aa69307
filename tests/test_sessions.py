"""Sessions of the Korea Exchange: which days they are, and which was the last to close."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.closed import closed_days
from ralph.market.sessions import (
    SEOUL,
    is_session,
    last_completed_session,
    next_session,
    previous_session,
    sessions_between,
    sessions_ending,
)

DAYS = st.dates(date(2001, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize("since", [date(2020, 1, 1), date(2000, 1, 1)])
def test_sessions_are_the_days_on_which_the_kospi_was_traded(shared_dir: Path, since: date) -> None:
    """No day differs, neither since 2020 nor since 2000."""
    index = pl.read_parquet(shared_dir / "data" / "krx_index.parquet", columns=["index", "date"])
    traded = set(index.filter(pl.col("index") == "KOSPI")["date"]) - {None}
    expected = sorted(day for day in traded if day >= since)
    found = sessions_between(since, expected[-1])
    assert sorted(set(found) ^ set(expected)) == []


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2024, 12, 31), "the last day of the year"),
        (date(2025, 1, 27), "a holiday declared at short notice"),
        (date(2025, 6, 3), "a presidential election"),
        (date(2026, 5, 1), "labour day"),
        (date(2026, 5, 25), "a substitute holiday"),
        (date(2026, 11, 21), "a Saturday"),
    ],
)
def test_the_exchange_is_closed_on(day: date, why: str) -> None:
    assert not is_session(day), why


def test_an_ordinary_weekday_is_a_session() -> None:
    assert is_session(date(2026, 11, 20))


@given(DAYS)
def test_next_and_previous_are_inverse(day: date) -> None:
    following = next_session(day)
    assert following > day
    assert sessions_between(day + timedelta(days=1), following) == [following]
    before = previous_session(day)
    assert before < day
    assert sessions_between(before, day - timedelta(days=1)) == [before]
    if is_session(day):
        assert next_session(before) == previous_session(following) == day


@given(DAYS, st.integers(0, 60))
def test_the_sessions_ending_on_a_day_are_the_last_ones_up_to_it(day: date, count: int) -> None:
    found = sessions_ending(day, count)
    assert len(found) == count
    if count:
        assert found == sessions_between(found[0], day)


def test_nothing_lies_between_a_day_and_one_before_it() -> None:
    assert sessions_between(date(2026, 11, 20), date(2026, 11, 19)) == []


@pytest.mark.parametrize(
    ("at", "completed"),
    [
        (datetime(2026, 11, 20, 15, 29, 59, tzinfo=SEOUL), date(2026, 11, 19)),
        (datetime(2026, 11, 20, 15, 30, tzinfo=SEOUL), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 6, 30, tzinfo=timezone.utc), date(2026, 11, 20)),  # noqa: UP017
        (datetime(2026, 11, 22, 23, 0, tzinfo=SEOUL), date(2026, 11, 20)),
        (datetime(2026, 11, 22, 19, 0, tzinfo=timezone(timedelta(hours=-5))), date(2026, 11, 20)),
        (datetime(2027, 1, 1, 16, 0, tzinfo=SEOUL), date(2026, 12, 30)),
    ],
)
def test_a_session_is_completed_at_its_close_in_seoul(at: datetime, completed: date) -> None:
    assert last_completed_session(at) == completed


@pytest.mark.parametrize("year", [1999, 2101])
def test_a_year_the_calendar_does_not_know_is_refused(year: int) -> None:
    with pytest.raises(BadParameter, match="the exchange calendar does not reach the year"):
        closed_days(year)


def test_importing_the_module_does_not_load_the_calendar() -> None:
    """It takes 0.2 s, which a command that needs no dates does not pay."""
    code = "import sys, ralph.market.sessions; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
