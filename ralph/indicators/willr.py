"""Williams %R."""

from __future__ import annotations

from ralph.indicators.formulas import williams_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    return {"willr": williams_range(period(params))}


WILLR = Indicator(
    name="willr",
    category="momentum",
    en="How far the close is below the recent highest, in percent of the range, -100 to 0",
    ko="최근 최고가에서 종가까지의 거리(범위 대비 %), -100에서 0",
    params=(Param(PERIOD, 14),),
    outputs=("willr",),
    unit="percent",
    formula_source="Williams 1973: 100 (close - highest) / (highest - lowest); 0 without a range",
    presets=(
        Preset("Classic", "기본", {"period": 14}),
        Preset("Fast", "단기", {"period": 7}),
        Preset("Slow", "장기", {"period": 28}),
    ),
    define=define,
)
