"""Triple exponential moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    once = ema(SOURCE, period(params))
    twice = ema(once, period(params))
    return {"tema": 3.0 * (once - twice) + ema(twice, period(params))}


TEMA = Indicator(
    name="tema",
    category="average",
    en="Triple exponential mean: an exponential mean with nearly all of its lag taken off",
    ko="삼중 지수 평균: 지수 평균의 지연을 거의 없앤 선",
    params=(Param(PERIOD, 20),),
    outputs=("tema",),
    unit="price",
    formula_source="Mulloy 1994: 3 EMA - 3 EMA(EMA) + EMA(EMA(EMA))",
    define=define,
    source="close",
    presets=(
        Preset("Short", "단기", {"period": 9}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "한 분기", {"period": 60}),
    ),
)
