"""Hull's moving average."""

from __future__ import annotations

from ralph.indicators.formulas import hull_mean
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"hma": hull_mean(SOURCE, period(params))}


HMA = Indicator(
    name="hma",
    category="average",
    en="Hull moving average: weighted means combined so that the line lags little",
    ko="헐 이동평균: 지연이 적도록 가중 평균을 겹쳐 만든 선",
    params=(Param(PERIOD, 9, low=2),),
    outputs=("hma",),
    unit="price",
    formula_source="Hull 2005: WMA(2 WMA(x, n / 2) - WMA(x, n), root of n), both rounded down",
    define=define,
    source="close",
    presets=(
        Preset("Short", "단기", {"period": 9}),
        Preset("Hull's", "헐", {"period": 16}),
        Preset("Swing", "스윙", {"period": 55}),
    ),
)
