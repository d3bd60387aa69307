"""Wilder's moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, rma


def define(mode: Mode, params: Params) -> Terms:
    return {"rma": rma(SOURCE, period(params))}


RMA = Indicator(
    name="rma",
    category="average",
    en="Wilder's mean, a slower exponential one",
    ko="와일더 평균, 느린 지수 평균",
    params=(Param(PERIOD, 14),),
    outputs=("rma",),
    unit="price",
    formula_source="Wilder 1978: seeded with the mean of the first n values, then 1/n of each new one",
    define=define,
    source="close",
    presets=(
        Preset("Wilder's", "와일더", {"period": 14}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "분기", {"period": 60}),
    ),
)
