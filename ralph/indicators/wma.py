"""Weighted moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, weighted_mean


def define(mode: Mode, params: Params) -> Terms:
    return {"wma": weighted_mean(SOURCE, period(params))}


WMA = Indicator(
    name="wma",
    category="average",
    en="Mean of the last n values, the newest weighted n, the one before n - 1, the oldest 1",
    ko="최근일수록 무겁게 가중한 n개 값의 평균",
    params=(Param(PERIOD, 9),),
    outputs=("wma",),
    unit="price",
    formula_source="sum of i x / (n (n + 1) / 2), i = n for the newest",
    source="close",
    presets=(
        Preset("Fast", "단기", {"period": 9}),
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
    ),
    define=define,
)
