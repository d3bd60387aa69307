"""Distance from the mean in standard deviations."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, deviation, mean


def define(mode: Mode, params: Params) -> Terms:
    n = period(params)
    return {"zscore": (SOURCE - mean(SOURCE, n)) / deviation(SOURCE, n)}


ZSCORE = Indicator(
    name="zscore",
    category="volatility",
    en="Distance from the mean in standard deviations; not defined where nothing varies",
    ko="평균에서 벗어난 정도(표준편차 단위); 변동이 없으면 없음",
    params=(Param(PERIOD, 20, low=2),),
    outputs=("zscore",),
    unit="number",
    formula_source="(x - mean) / population standard deviation of n values, this one included",
    source="close",
    presets=(
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Year", "1년", {"period": 252}),
    ),
    define=define,
)
