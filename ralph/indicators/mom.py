"""Momentum."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"mom": SOURCE - SOURCE[period(params)]}


MOM = Indicator(
    name="mom",
    category="momentum",
    en="How much the price has changed over n bars",
    ko="n봉 전과의 가격 차이",
    params=(Param(PERIOD, 10),),
    outputs=("mom",),
    unit="price",
    formula_source="x - x[n]",
    source="close",
    presets=(
        Preset("Two weeks", "2주", {"period": 10}),
        Preset("Month", "1개월", {"period": 21}),
        Preset("Quarter", "3개월", {"period": 63}),
    ),
    define=define,
)
