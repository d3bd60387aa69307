"""Mass index."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, ema, total


def define(mode: Mode, params: Params) -> Terms:
    once = ema(HIGH - LOW, period(params, "smooth"))
    return {"mass_index": total(once / ema(once, period(params, "smooth")), period(params))}


MASS_INDEX = Indicator(
    name="mass_index",
    category="volatility",
    en="Mass index: rises where the bars' ranges widen, before many a turn (above 27, then below 26.5)",
    ko="매스 지수: 봉의 범위가 넓어지면 오르며, 27을 넘었다 26.5 아래로 내려오면 전환 신호",
    params=(Param(PERIOD, 25), Param("smooth", 9)),
    outputs=("mass_index",),
    unit="number",
    formula_source="Dorsey 1992: total over n bars of EMA(high - low) / EMA of that EMA",
    define=define,
    presets=(
        Preset("Dorsey's", "도시", {"period": 25, "smooth": 9}),
        Preset("Shorter", "더 짧게", {"period": 15, "smooth": 9}),
        Preset("TradingView's", "트레이딩뷰", {"period": 10, "smooth": 9}),
    ),
)
