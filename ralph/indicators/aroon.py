"""Aroon."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, since_highest, since_lowest


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    since_high, since_low = since_highest(HIGH, bars + 1), since_lowest(LOW, bars + 1)
    return {
        "up": 100.0 * (bars - since_high) / bars,
        "down": 100.0 * (bars - since_low) / bars,
        "osc": 100.0 * (since_low - since_high) / bars,
    }


AROON = Indicator(
    name="aroon",
    category="trend",
    en="Aroon: how recent the newest high (up) and low (down) are, 0 to 100, and up less down",
    ko="아룬: 최근 고점(up)과 저점(down)이 얼마나 가까운지, 0에서 100, 그리고 그 차이",
    params=(Param(PERIOD, 14),),
    outputs=("up", "down", "osc"),
    unit="percent",
    formula_source="Chande 1995: 100 (n - bars since the highest high of n + 1 bars) / n; of equal highs the newest",
    define=define,
    presets=(
        Preset("Standard", "표준", {"period": 14}),
        Preset("Chande's", "챈드", {"period": 25}),
        Preset("Long", "장기", {"period": 50}),
    ),
)
