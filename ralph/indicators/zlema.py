"""Exponential mean without lag."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    lag = (period(params) - 1) // 2
    return {"zlema": ema(SOURCE + (SOURCE - SOURCE[lag]), period(params))}


ZLEMA = Indicator(
    name="zlema",
    category="average",
    en="Exponential mean of values moved ahead by what they changed over the mean's lag",
    ko="지연만큼의 변화를 더해 지연을 줄인 지수 평균",
    params=(Param(PERIOD, 20),),
    outputs=("zlema",),
    unit="price",
    formula_source="Ehlers and Way 2010: EMA of 2 x - x[(n - 1) / 2]",
    source="close",
    presets=(
        Preset("Fast", "단기", {"period": 9}),
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
    ),
    define=define,
)
