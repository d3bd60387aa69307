"""Double exponential moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    once = ema(SOURCE, period(params))
    return {"dema": 2.0 * once - ema(once, period(params))}


DEMA = Indicator(
    name="dema",
    category="average",
    en="Double exponential mean: an exponential mean with half of its lag taken off",
    ko="이중 지수 평균: 지수 평균의 지연을 덜어 낸 선",
    params=(Param(PERIOD, 20),),
    outputs=("dema",),
    unit="price",
    formula_source="Mulloy 1994: 2 EMA - EMA(EMA)",
    define=define,
    source="close",
    presets=(
        Preset("Short", "단기", {"period": 9}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "한 분기", {"period": 60}),
    ),
)
