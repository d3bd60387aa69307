"""Volume-weighted moving average."""

from __future__ import annotations

from ralph.indicators.formulas import volume_weighted_mean
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"vwma": volume_weighted_mean(SOURCE, period(params))}


VWMA = Indicator(
    name="vwma",
    category="average",
    en="Mean of the last n values, each weighted by its bar's volume",
    ko="거래량으로 가중한 최근 n개 값의 평균",
    params=(Param(PERIOD, 20),),
    outputs=("vwma",),
    unit="price",
    formula_source="sum of x volume / sum of volume over n bars; NaN where nothing was traded in them",
    source="close",
    presets=(
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Fast", "단기", {"period": 10}),
    ),
    define=define,
)
