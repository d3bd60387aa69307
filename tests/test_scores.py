"""Scores are the sums of their named components, in exact numbers, and what is missing is explained, never zero."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph.scanners import checks, closing_bet, gate, money, sectors
from ralph.scanners.component import Component, points

FloatArray = NDArray[np.float64]
EOK = 100_000_000.0


def column(*values: float) -> FloatArray:
    """One Symbol's values, oldest first: [bars, 1]."""
    return np.array(values, dtype=np.float64)[:, None]


def earned(components: list[Component] | tuple[Component, ...]) -> dict[str, float | None]:
    return {component.name: component.points for component in components}


@pytest.mark.parametrize(
    ("foreign", "institution", "expected"),
    [
        ([100.0] * 10, [100.0] * 10, (40.0, 30.0, 15.0, 15.0)),  # a tenth of all that was traded, every day
        ([-100.0] * 10, [-100.0] * 10, (0.0, 0.0, 0.0, 0.0)),
        ([50.0] * 10, [-50.0] * 10, (25 * 0.75 + 15, 20 * 0.25, 7.0, 0.0)),
        ([900.0] * 10, [0.0] * 10, (40.0, 10.0, 7.0, 0.0)),  # more than a tenth earns no more
        ([-100.0] * 9 + [450.0], [-100.0] * 9 + [450.0], (25 * 0.55 + 1.5, 20 * 0.55 + 1.0, 15.0, 5.0)),
        ([np.nan] * 5 + [100.0] * 5, [np.nan] * 5 + [100.0] * 5, (40.0, 30.0, 15.0, 15.0)),  # of the days there are
    ],
)
def test_smart_money_in_points(foreign: list[float], institution: list[float], expected: tuple[float, ...]) -> None:
    measured = money.measure(column(*foreign), column(*institution), column(*[1_000.0] * 10))
    found = earned(money.components(measured, 0))
    assert list(found) == ["foreign", "institution", "agreement", "persistence"]
    assert list(found.values()) == pytest.approx(list(expected))
    assert measured.score[0] == pytest.approx(sum(expected))


@pytest.mark.parametrize("days", [0, 4])
def test_smart_money_needs_five_days_of_flows(days: int) -> None:
    flows = column(*([np.nan] * (10 - days) + [100.0] * days))
    measured = money.measure(flows, flows, column(*[1_000.0] * 10))
    assert np.isnan(measured.score[0])
    assert set(earned(money.components(measured, 0)).values()) == {None}
    assert points(money.components(measured, 0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [(0.011, 20.0), (0.01, 10.0), (0.0001, 10.0), (0.0, 0.0), (-0.0001, -10.0), (-0.01, -10.0), (-0.011, -20.0)],
)
def test_an_index_in_points(change: float, expected: float) -> None:
    """The borders of one percent belong to the milder side; no change at all is worth nothing."""
    assert gate.index_points(change) == expected


@pytest.mark.parametrize(
    ("kospi", "kosdaq", "rising", "falling", "state", "score"),
    [
        (0.02, 0.02, 5, 0, "green", 100.0),
        (0.005, 0.005, 0, 0, "green", 70.0),
        (0.005, 0.0, 1, 0, "yellow", 65.0),
        (-0.005, 0.0, 0, 0, "yellow", 40.0),
        (-0.005, 0.0, 0, 1, "red", 35.0),
        (-0.02, -0.02, 0, 9, "red", 0.0),
        (0.02, -0.02, 9, 0, "green", 70.0),  # sectors count at most 20
    ],
)
def test_the_gate(kospi: float, kosdaq: float, rising: int, falling: int, state: str, score: float) -> None:
    changes = {f"up {n}": 0.02 for n in range(rising)} | {f"down {n}": -0.02 for n in range(falling)}
    changes["calm"] = 0.01
    judged = gate.judge({"KOSPI": kospi, "KOSDAQ": kosdaq}, changes)
    assert (judged.state, judged.score) == (state, score)


@pytest.mark.parametrize("changes", [{}, {"KOSPI": 0.01}, {"KOSPI": 0.01, "KOSDAQ": None}])
def test_a_gate_without_a_fresh_index_is_unknown(changes: dict[str, float | None]) -> None:
    judged = gate.judge(changes, {"one": 0.05})
    assert (judged.state, judged.score) == ("unknown", None)
    assert earned(judged.components)["KOSDAQ"] is None
    assert earned(judged.components)["sectors"] == 5.0


def test_a_gate_without_sectors_is_told_by_its_indices() -> None:
    judged = gate.judge({"KOSPI": 0.02, "KOSDAQ": 0.0}, {})
    assert (judged.state, judged.score, earned(judged.components)["sectors"]) == ("green", 70.0, None)


def flat_day(**changes: FloatArray) -> checks.Day:
    """Twenty equal bars and one more, changed as told; nothing is passed but what is said."""
    high, low, close, volume = (np.full((21, 1), value) for value in (101.0, 99.0, 100.0, 1_000.0))
    fields = {"high": high, "low": low, "close": close, "volume": volume}
    for name, values in changes.items():
        if name in fields:
            fields[name][-values.shape[0] :] = values
    unknown = np.full(1, np.nan)
    beside = {name: changes.get(name, unknown) for name in ("smart_money", "sector_rank")}
    return checks.Day(**fields, **beside)


def check(name: str, day: checks.Day) -> float | None:
    return earned(checks.components(checks.measure(day), 0))[name]


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("volume_spike", {"volume": column(2_000)}, 15.0),
        ("volume_spike", {"volume": column(1_999)}, 8.0),
        ("volume_spike", {"volume": column(1_499)}, 0.0),
        ("momentum_breakout", {"close": column(101.01)}, 15.0),
        ("momentum_breakout", {"close": column(101.0)}, 8.0),
        ("momentum_breakout", {"close": column(99.9)}, 0.0),
        ("box_breakout", {"close": column(101.01)}, 15.0),
        ("box_breakout", {"close": column(100.0)}, 8.0),
        ("box_breakout", {"close": column(99.9)}, 0.0),
        ("box_breakout", {"high": column(*[116.0] * 20, 101.0), "close": column(120.0)}, 0.0),  # a box too high
        ("above_ma5", {"close": column(100.1)}, 15.0),
        ("above_ma5", {"close": column(100.0)}, 8.0),
        ("above_ma5", {"close": column(98.7)}, 0.0),
        ("smart_money", {"smart_money": np.array([65.0])}, 15.0),
        ("smart_money", {"smart_money": np.array([50.0])}, 8.0),
        ("smart_money", {"smart_money": np.array([49.9])}, 0.0),
        ("smart_money", {}, None),
        ("oversold_bounce", {"close": column(97.0, 99.0)}, 15.0),
        ("oversold_bounce", {"close": column(98.5, 98.6)}, 8.0),
        ("oversold_bounce", {"close": column(99.5, 102.0)}, 0.0),
        ("sector_momentum", {"sector_rank": np.array([0.19])}, 15.0),
        ("sector_momentum", {"sector_rank": np.array([0.2])}, 8.0),
        ("sector_momentum", {"sector_rank": np.array([0.4])}, 0.0),
        ("sector_momentum", {}, None),
    ],
)
def test_a_check_of_day_trading(name: str, changes: dict[str, FloatArray], expected: float | None) -> None:
    assert check(name, flat_day(**changes)) == expected


def test_a_missing_check_is_left_out_of_what_can_be_reached() -> None:
    parts = checks.components(checks.measure(flat_day(close=column(101.5), volume=column(5_000))), 0)
    assert points(parts) == (60.0, 75.0)
    assert all(part.en and part.ko for part in parts)
    assert {part.name for part in parts if part.points is None} == {"smart_money", "sector_momentum"}


def bet_day(**changes: Any) -> closing_bet.Day:
    """A year of bars at 10,000 won with a day of +10 % at their end."""
    close = np.full((252, 1), 10_000.0)
    opened, high, low = close.copy(), close + 100, close - 100
    opened[-1], high[-1], low[-1], close[-1] = 10_200, 11_050, 10_150, 11_000
    value = np.full((252, 1), 1_200 * EOK)
    flows = {"foreign": np.array([1.0]), "institution": np.array([-1.0])}
    day = closing_bet.Day(opened, high, low, close, value, **flows, has_base=np.array([True]))
    return dataclasses.replace(day, **changes)


def test_a_closing_bet_in_points() -> None:
    found = closing_bet.components(bet_day(), 0)
    assert earned(found) == {
        "news": None,
        "traded_value": 2.0,
        "chart": 2.0,
        "candle": 1.0,
        "base_period": 1.0,
        "flow": 1.0,
    }
    assert points(found) == (7.0, 9.0)


@pytest.mark.parametrize(
    ("positive", "sentiment", "expected"),
    [(0, 0.0, 0.0), (1, 0.0, 1.0), (2, 0.0, 2.0), (1, 0.3, 2.0), (3, 0.0, 3.0), (0, 0.6, 3.0)],
)
def test_news_of_a_closing_bet(positive: int, sentiment: float, expected: float) -> None:
    assert earned(closing_bet.components(bet_day(), 0, closing_bet.News(positive, sentiment)))["news"] == expected


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("traded_value", {"value": np.full((252, 1), 5_000 * EOK)}, 3.0),
        ("traded_value", {"value": np.full((252, 1), 999 * EOK)}, 1.0),
        ("traded_value", {"value": np.full((252, 1), 299 * EOK)}, 0.0),
        ("chart", {"has_base": np.array([False])}, 1.0),
        ("flow", {"foreign": np.array([np.nan])}, None),
        ("flow", {"institution": np.array([5.0])}, 2.0),
        ("flow", {"foreign": np.array([0.0])}, 0.0),
    ],
)
def test_a_part_of_a_closing_bet(name: str, changes: dict[str, Any], expected: float | None) -> None:
    assert earned(closing_bet.components(bet_day(**changes), 0))[name] == expected


def test_a_young_listing_has_no_year_to_be_near_the_high_of() -> None:
    day = bet_day()
    young = {name: getattr(day, name)[-20:] for name in ("open", "high", "low", "close", "value")}
    found = earned(closing_bet.components(dataclasses.replace(day, **young), 0))
    assert (found["chart"], found["base_period"]) == (None, 1.0)


def test_candidates_of_a_closing_bet_stand_within_their_limits() -> None:
    """Price 1,000 to 500,000, value from 50 billion won, change 5 % to 29.9 %, both ends included."""
    chosen = closing_bet.CLOSING_BET.bind({})
    price = np.array([999.0, 1_000, 500_000, 500_500, 5_000, 5_000, 5_000, 5_000, 5_000])
    value = np.array([500.0, 500, 500, 500, 499, 500, 500, 500, 500]) * EOK
    before = np.array([100.0, 100, 100, 100, 100, 10_000, 10_000, 10_000, 10_000])
    change = np.array([110.0, 110, 110, 110, 110, 10_499, 10_500, 12_990, 12_991]) / before - 1.0
    kept = closing_bet.candidates((price, value, change), np.ones(9, np.bool_), chosen)
    assert kept.tolist() == [False, True, True, False, False, False, True, True, False]
    assert not closing_bet.candidates((price, value, change), np.zeros(9, np.bool_), chosen).any()


def test_sectors_change_by_what_was_traded_in_them() -> None:
    sector = np.array([0, 0, 1, -1, 1])
    change = np.array([0.10, 0.00, 0.02, 0.5, np.nan])
    value = np.array([3.0, 1.0, 5.0, 9.0, 9.0])
    assert sectors.changes(("a", "b", "c"), sector, change, value) == pytest.approx({"a": 0.075, "b": 0.02})


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 2**32))
def test_places_within_a_sector_are_those_counted_one_by_one(members: list[int], seed: int) -> None:
    """The share of the sector that is better; none in a sector of fewer than five."""
    sector = np.array(members) - 1
    measured = np.random.default_rng(seed).integers(0, 4, len(members)).astype(np.float64)
    measured[measured == 3] = np.nan
    found = sectors.rank_shares(sector, measured)
    for place, (own, value) in enumerate(zip(sector, measured, strict=True)):
        others = [each for other, each in zip(sector, measured, strict=True) if other == own and not np.isnan(each)]
        if own < 0 or np.isnan(value) or len(others) < 5:
            assert np.isnan(found[place])
        else:
            assert found[place] == sum(each > value for each in others) / len(others)
