"""Exponential moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    return {"ema": ema(SOURCE, period(params))}


EMA = Indicator(
    name="ema",
    category="average",
    en="Exponential mean, the newest weighing most",
    ko="최근 값에 무게를 더 두는 지수 평균",
    params=(Param(PERIOD, 20),),
    outputs=("ema",),
    unit="price",
    formula_source="seeded with the mean of the first n values, then 2/(n+1) of each new one",
    define=define,
    source="close",
    presets=(
        Preset("Fast", "빠르게", {"period": 12}),
        Preset("Slow", "느리게", {"period": 26}),
        Preset("Quarter", "분기", {"period": 60}),
        Preset("Long", "장기", {"period": 200}),
    ),
)
