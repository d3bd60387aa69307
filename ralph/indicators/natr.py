"""Average true range in percent of the price."""

from __future__ import annotations

from ralph.indicators.formulas import average_true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE


def define(mode: Mode, params: Params) -> Terms:
    return {"natr": 100.0 * average_true_range(period(params), mode) / CLOSE}


NATR = Indicator(
    name="natr",
    category="volatility",
    en="Average true range in percent of the close: comparable between Symbols",
    ko="종가 대비 평균 실제 변동폭(%): 종목 간 비교 가능",
    params=(Param(PERIOD, 14),),
    outputs=("natr",),
    unit="percent",
    formula_source="Wilder 1978: 100 ATR / close",
    presets=(
        Preset("Wilder", "와일더", {"period": 14}),
        Preset("Swing", "스윙", {"period": 20}),
        Preset("Fast", "단기", {"period": 5}),
    ),
    define=define,
)
