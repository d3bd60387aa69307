"""Near misses and the close at which they turn; matches in any order."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from screens_markets import invented
from test_screens_answers import PANEL, ask, market

from ralph.market.columns import build_panel

NEAR = [
    "close > sma(20)",
    "rsi(14) < 30",
    "close > highest(60)[1] and volume > 0",
    "close crosses_above sma(20)",
    "weekly.close > weekly.highest(5)[1]",
    "count(close > open, 5) >= 4",
    "bb(20, 2).lower > close or high > highest(30)[1]",
]


@pytest.mark.parametrize("text", NEAR)
def test_a_near_miss_matches_when_its_close_is_moved_there(text: str) -> None:
    """A market whose newest close of that Symbol is the one named, with room for high and low, finds it."""
    bars = invented(symbols=40, days=300)
    misses = [miss for miss in ask(text, extras=["near_misses"]).near_misses or [] if miss.passes_at is not None]
    assert misses
    for miss in misses[:5]:
        column = PANEL.columns[miss.symbol]
        newest = np.flatnonzero((bars.symbol == column) & (bars.day == PANEL.sessions[-1]))
        price = miss.passes_at
        assert price is not None
        assert abs(price / bars.close[newest] - 1) <= 0.3 + 1e-9
        moved = {name: getattr(bars, name).copy() for name in ("close", "high", "low")}
        moved["close"][newest] = price
        moved["high"][newest] = np.maximum(moved["high"][newest], price)
        moved["low"][newest] = np.minimum(moved["low"][newest], price)
        panel = build_panel(dataclasses.replace(bars, **moved))
        assert miss.symbol in {match.symbol for match in ask(text, panel).matches}


def test_a_near_miss_names_the_price_at_which_it_turns() -> None:
    """The nearest one, in whole won; none where others decide or nothing within the daily limit helps."""
    panel = market({"A": [1000.0, 900.0], "B": [1000.0, 500.0], "C": [1000.0, 1100.0]})
    misses = {str(miss.symbol): miss for miss in ask("close > 1000", panel, extras=["near_misses"]).near_misses or []}
    assert misses["A"].passes_at == 1001
    assert misses["B"].passes_at is None
    ranked = ask("rank(close) == 1", panel, extras=["near_misses"]).near_misses or []
    assert {miss.passes_at for miss in ranked} == {None}
    lasting = ask("all(close > 950, 2)", panel, extras=["near_misses"]).near_misses or []
    assert [(miss.symbol, miss.lhs, miss.passes_at) for miss in lasting] == [("A", None, 951.0), ("B", None, None)]


@pytest.mark.parametrize(
    ("sort", "order", "expected"),
    [
        ("close", None, ["C", "B", "A", "D"]),
        ("close", "asc", ["A", "B", "C", "D"]),
        ("sma(2) + close", "asc", ["A", "B", "C", "D"]),
        ("symbol", None, ["A", "B", "C", "D"]),
        ("name", "desc", ["D", "C", "B", "A"]),
        ("close[1]", None, ["A", "B", "C", "D"]),
    ],
)
def test_matches_are_sorted_by_any_number(sort: str, order: str | None, expected: list[str]) -> None:
    """The largest first unless asked otherwise, names from the first, what is missing last, pages in the same order."""
    panel = market({"A": [9.0, 1.0], "B": [8.0, 2.0], "C": [7.0, 3.0], "D": [2.5]})
    if sort == "close":
        expected = ["C", "D", "B", "A"] if order is None else ["A", "B", "D", "C"]
    assert [match.symbol for match in ask("close > 0", panel, sort=sort, order=order).matches] == expected
    seen, cursor = [], None
    for _ in range(4):
        page = ask("close > 0", panel, sort=sort, order=order, limit=1, cursor=cursor)
        seen += [match.symbol for match in page.matches]
        cursor = page.next_cursor
    assert seen == expected
    assert cursor is None
