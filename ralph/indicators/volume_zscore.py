"""Distance of the volume from its mean in standard deviations."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import VOLUME, deviation, mean


def define(mode: Mode, params: Params) -> Terms:
    n = period(params)
    return {"volume_zscore": (VOLUME - mean(VOLUME, n)) / deviation(VOLUME, n)}


VOLUME_ZSCORE = Indicator(
    name="volume_zscore",
    category="volume",
    en="Distance of the volume from its mean in standard deviations; not defined where it does not vary",
    ko="거래량이 평균에서 벗어난 정도(표준편차 단위); 변동이 없으면 없음",
    params=(Param(PERIOD, 20, low=2),),
    outputs=("volume_zscore",),
    unit="number",
    formula_source="(x - mean) / population standard deviation of n values, this one included",
    presets=(
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Year", "1년", {"period": 252}),
    ),
    define=define,
)
