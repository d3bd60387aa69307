"""Bands around the volume-weighted mean."""

from __future__ import annotations

from ralph.indicators.formulas import volume_weighted_mean
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, deviation


def define(mode: Mode, params: Params) -> Terms:
    center = volume_weighted_mean(SOURCE, period(params))
    band = params["mult"] * deviation(SOURCE, period(params))
    return {"middle": center, "upper": center + band, "lower": center - band}


VWMA_BANDS = Indicator(
    name="vwma_bands",
    category="volatility",
    en="A mean by volume and standard deviations above and below it",
    ko="거래량 가중 평균과 그 위아래의 표준편차 밴드",
    params=(Param(PERIOD, 20), Param("mult", 2.0, low=0.001, high=50, whole=False)),
    outputs=("middle", "upper", "lower"),
    unit="price",
    formula_source="VWMA -+ mult population standard deviations of the same n values",
    source="close",
    presets=(
        Preset("Month", "1개월", {"period": 20, "mult": 2.0}),
        Preset("Ten weeks", "10주", {"period": 50, "mult": 2.5}),
        Preset("Fast", "단기", {"period": 10, "mult": 1.5}),
    ),
    define=define,
)
