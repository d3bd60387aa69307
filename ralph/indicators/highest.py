"""Highest value of a window."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, highest


def define(mode: Mode, params: Params) -> Terms:
    return {"highest": highest(SOURCE, period(params))}


HIGHEST = Indicator(
    name="highest",
    category="structure",
    en="Highest of the newest values",
    ko="최근 구간의 최고값",
    params=(Param(PERIOD, 20),),
    outputs=("highest",),
    unit="price",
    formula_source="maximum of the newest n values, the current one included",
    define=define,
    source="high",
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Turtle", "터틀", {"period": 55}),
        Preset("Year", "52주", {"period": 252}),
    ),
)
