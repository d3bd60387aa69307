"""What is kept of a Session changes no answer; the figures screens are made of equal plain ones."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from screens_markets import invented

from ralph import kernels, screens
from ralph.market.columns import build_panel
from ralph.market.notes import BYTES_MAX, Notes
from ralph.market.roster import Roster
from ralph.market.symbol import Listing, Span, Symbol
from ralph.screens.places import figures_across, ratings

BARS = invented(symbols=40, days=330)
DAYS = sorted({day.astype(object) for day in BARS.day})
SHARING = (
    "rsi(14) > 40 and close > sma(20)",
    "sma(20)[3] < close and rsi(14) crosses_below 60",
    "macd(3, 6, 2).hist > 0 or rsi(14)[1] > 50",
    "sma(rsi(14), 5) > 45 and bb(20, 2).upper > close",
    "rs_rating() >= 30 and sma(20) > 0",
    "rs_rating()[4] >= 10 and nr7() == 1",
)
VALUES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 12)),
    elements=st.one_of(st.integers(-3, 3).map(float), st.just(float("nan"))),
)


def without_time(answer: screens.Answer) -> screens.Answer:
    return msgspec.structs.replace(answer, timing_ms=0.0)


@pytest.mark.parametrize("day", [DAYS[-1], DAYS[290]])
def test_screens_after_each_other_answer_as_each_alone(day: date) -> None:
    shared = build_panel(BARS)
    for text in (*SHARING, *reversed(SHARING)):
        asked = screens.Request(expression=text, as_of=day, extras=["funnel", "near_misses"])
        alone = screens.run(build_panel(BARS), asked)
        assert without_time(screens.run(shared, asked)) == without_time(alone)
    assert shared.as_of(day).readings.held_bytes
    assert shared.as_of(day).held_bytes >= (day != DAYS[-1])


def test_notes_hold_so_many_bytes_and_close_what_they_hold() -> None:
    notes, quarter = Notes(), BYTES_MAX // 4 // 8
    notes.keep("too large", {"a": np.zeros(quarter + 1)})
    assert notes.find("too large") is None
    assert notes.held_bytes == 0
    for name in "abcd":
        notes.keep(name, {"x": np.zeros(quarter)})
    assert notes.find("a") is not None
    notes.keep("e", {"x": np.zeros(quarter)})
    assert notes.find("b") is None
    assert notes.find("a") is not None
    assert notes.held_bytes == BYTES_MAX
    notes.keep("e", {"x": np.ones(1)})
    assert notes.held_bytes == BYTES_MAX - 8 * quarter + 8
    found = notes.find("e")
    assert found is not None
    with pytest.raises(ValueError, match="read-only"):
        found["x"][0] = 2
    notes.forget()
    assert notes.find("e") is None
    assert notes.held_bytes == 0


def test_many_days_of_a_roster_are_its_single_days() -> None:
    first, last = date(2020, 1, 1), date(2020, 3, 1)
    roster = Roster(
        [
            Listing(Symbol("A"), listed_on=date(2020, 2, 1)),
            Listing(Symbol("B"), delisted_on=date(2020, 2, 10)),
            Listing(Symbol("C"), listed_on=date(2020, 2, 20), earlier=(Span(date(2019, 1, 1), date(2020, 1, 15)),)),
        ]
    )
    days = np.arange(np.datetime64(first), np.datetime64(last))
    expected = [roster.listed(day) for day in days.astype(object)]
    np.testing.assert_array_equal(roster.listed_on(days), expected)


@given(VALUES)
def test_the_usual_gap_is_the_median_of_what_is_there(values: np.ndarray) -> None:
    found = np.empty(values.shape[1])
    kernels.gaps.usual(np.ascontiguousarray(values), found)
    for column, usual in zip(values.T, found, strict=True):
        there = np.abs(column[~np.isnan(column)])
        assert usual == (np.median(there) if there.size else 0.0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_the_usual_gap_of_many(seed: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 3)).round(int(random.integers(0, 6)))
    found = np.empty(3)
    kernels.gaps.usual(values, found)
    np.testing.assert_array_equal(found, np.median(np.abs(values), axis=0))


def test_what_is_infinite_is_missing() -> None:
    values = np.array([[1.0, np.inf], [-np.inf, np.nan]])
    kernels.gaps.keep_finite(values)
    np.testing.assert_array_equal(values, [[1.0, np.nan], [np.nan, np.nan]])


@given(VALUES)
def test_places_are_those_counted_one_by_one(values: np.ndarray) -> None:
    every = np.arange(values.shape[1])
    sectors = [every % 2] * values.shape[0]
    rated, ranks = ratings(values), figures_across("rank", values, [], every)
    shares, inside = (figures_across(name, values, sectors, every) for name in ("market_percentile", "sector_rank"))
    medians = figures_across("sector_median", values, sectors, every)
    for row, column in np.ndindex(values.shape):
        mine, there = values[row, column], values[row][~np.isnan(values[row])]
        beside = values[row][(every % 2 == column % 2) & ~np.isnan(values[row])]
        np.testing.assert_equal(medians[row, column], np.median(beside) if beside.size else np.nan)
        if np.isnan(mine):
            assert np.isnan([rated[row, column], ranks[row, column], shares[row, column], inside[row, column]]).all()
            continue
        assert ranks[row, column] == 1 + (there > mine).sum()
        assert inside[row, column] == 1 + (beside > mine).sum()
        if there.size == 1:
            assert np.isnan(rated[row, column])
            assert np.isnan(shares[row, column])
            continue
        share = ((there < mine).sum() + ((there == mine).sum() - 1) / 2) / (there.size - 1)
        assert shares[row, column] == 100 * share
        assert rated[row, column] == min(max(np.floor(1 + 98 * share + 0.5), 1), 99)
