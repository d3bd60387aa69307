"""Commodity channel index."""

from __future__ import annotations

from ralph.indicators.formulas import commodity_channel
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"cci": commodity_channel(SOURCE, period(params))}


CCI = Indicator(
    name="cci",
    category="momentum",
    en="Commodity channel index: distance from the mean in mean distances",
    ko="상품 채널 지수: 평균까지의 거리를 평균 편차로 나눈 값",
    params=(Param(PERIOD, 20),),
    outputs=("cci",),
    unit="number",
    formula_source="Lambert 1980: (x - mean) / (0.015 mean absolute deviation), 0 where there is none",
    define=define,
    source="hlc3",
    presets=(
        Preset("Standard", "표준", {"period": 20}),
        Preset("Short", "단기", {"period": 14}),
        Preset("Long", "장기", {"period": 50}),
    ),
)
