"""Lowest value of a window."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, lowest


def define(mode: Mode, params: Params) -> Terms:
    return {"lowest": lowest(SOURCE, period(params))}


LOWEST = Indicator(
    name="lowest",
    category="structure",
    en="Lowest of the newest values",
    ko="최근 구간의 최저값",
    params=(Param(PERIOD, 20),),
    outputs=("lowest",),
    unit="price",
    formula_source="minimum of the newest n values, the current one included",
    define=define,
    source="low",
    presets=(
        Preset("Ten days", "10일", {"period": 10}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Year", "52주", {"period": 252}),
    ),
)
