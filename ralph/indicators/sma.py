"""Simple moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, mean


def define(mode: Mode, params: Params) -> Terms:
    return {"sma": mean(SOURCE, period(params))}


SMA = Indicator(
    name="sma",
    category="average",
    en="Mean of the newest values",
    ko="최근 값들의 단순 평균",
    params=(Param(PERIOD, 20),),
    outputs=("sma",),
    unit="price",
    formula_source="sum of the newest n values / n",
    define=define,
    source="close",
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "분기", {"period": 60}),
        Preset("Half a year", "반년", {"period": 120}),
        Preset("Long", "장기", {"period": 200}),
    ),
)
