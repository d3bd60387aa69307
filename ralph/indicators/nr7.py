"""Narrowest range of seven bars."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, lowest


def define(mode: Mode, params: Params) -> Terms:
    width = HIGH - LOW
    return {"nr7": width < lowest(width, period(params) - 1)[1]}


NR7 = Indicator(
    name="nr7",
    category="structure",
    en="1 where the bar's range is narrower than each of the ones before it (7 bars with this one), else 0",
    ko="당일을 포함한 7봉 중 고저 폭이 가장 좁으면 1, 아니면 0",
    params=(Param(PERIOD, 7, low=2),),
    outputs=("nr7",),
    unit="number",
    formula_source="Crabel 1990: high - low strictly below each of the n - 1 ranges before",
    presets=(
        Preset("NR4", "NR4", {"period": 4}),
        Preset("NR7", "NR7", {"period": 7}),
        Preset("Narrowest of a month", "한 달 최소폭", {"period": 21}),
    ),
    define=define,
)
