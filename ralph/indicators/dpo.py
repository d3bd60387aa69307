"""Detrended price oscillator."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, mean


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    return {"dpo": SOURCE - mean(SOURCE, bars)[bars // 2 + 1]}


DPO = Indicator(
    name="dpo",
    category="momentum",
    en="Detrended price: distance from the mean of half a period before, so that cycles show without their trend",
    ko="추세 제거 가격: 반 주기 전의 평균까지의 거리, 추세 없이 순환만 보임",
    params=(Param(PERIOD, 21),),
    outputs=("dpo",),
    unit="price",
    formula_source="x - mean(x, n) of n / 2 + 1 bars before, n / 2 rounded down; not centred, so nothing looks ahead",
    define=define,
    source="close",
    presets=(
        Preset("Month", "한 달", {"period": 21}),
        Preset("Two weeks", "두 주", {"period": 10}),
        Preset("Quarter", "한 분기", {"period": 63}),
    ),
)
