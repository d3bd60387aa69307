"""Force index."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, VOLUME, ema


def define(mode: Mode, params: Params) -> Terms:
    return {"force_index": ema((CLOSE - CLOSE[1]) * VOLUME, period(params))}


FORCE_INDEX = Indicator(
    name="force_index",
    category="volume",
    en="Force index: exponential mean of the change of the close times the volume behind it",
    ko="포스 지수: 종가 변화에 거래량을 곱한 값의 지수 평균",
    params=(Param(PERIOD, 13),),
    outputs=("force_index",),
    unit="price_volume",
    formula_source="Elder 1993: EMA((close - close before) volume)",
    define=define,
    presets=(
        Preset("Trend", "추세", {"period": 13}),
        Preset("Entry", "진입", {"period": 2}),
        Preset("Long", "장기", {"period": 100}),
    ),
)
