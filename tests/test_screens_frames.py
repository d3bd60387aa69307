"""Shortcuts of the evaluation give the values of the long way, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from screens_markets import invented

from ralph import screens
from ralph.market.columns import build_panel
from ralph.screens import frames
from ralph.screens.across import rs_raw, strength
from ralph.screens.evaluation import Evaluation
from ralph.screens.parser import parse_number

PANEL = build_panel(invented(symbols=12, days=300))
FRAMED = (
    "weekly.rsi(5)",
    "weekly.sma(7)[2]",
    "monthly.ema(high, 3)",
    "weekly.macd(3, 6, 2).hist",
    "weekly.percentile(atr(3), 6)",
    "weekly.supertrend(4, 2).trend",
)


@pytest.mark.parametrize("text", FRAMED)
@pytest.mark.parametrize("tail", [4, 60, 300])
def test_what_is_followed_day_by_day_is_what_every_day_sees_alone(
    text: str, tail: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = parse_number(text)
    some = np.array([1, 4, 5, 11])
    for columns in (None, some):
        values = []
        for least in (4, 10_000):
            monkeypatch.setattr(frames, "FOLLOWED_FROM", least)
            evaluation = Evaluation(PANEL.as_of(), columns)
            evaluation.want(node, tail)
            values.append(evaluation.number(node, tail))
        np.testing.assert_array_equal(values[0], values[1])


@pytest.mark.parametrize("bars", [1, 40, 290])
def test_strength_is_that_of_its_formula(bars: int) -> None:
    view = PANEL.as_of().latest
    bars = min(bars, view.height)
    evaluation = Evaluation(view)
    evaluation.want(rs_raw(), bars)
    expected = evaluation.number(rs_raw(), bars)
    closes = view.newest("close", min(bars + 252, view.height))
    np.testing.assert_array_equal(strength(closes, bars), expected)


def test_an_equality_scores_without_a_scale() -> None:
    answer = screens.run(PANEL, screens.Request(expression="nr7() == 1"))
    assert all(match.score == 100 for match in answer.matches)
