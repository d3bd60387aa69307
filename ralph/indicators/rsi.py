"""Relative strength index."""

from __future__ import annotations

from ralph.indicators.formulas import relative_strength_index
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"rsi": relative_strength_index(SOURCE, period(params), mode)}


RSI = Indicator(
    name="rsi",
    category="momentum",
    en="Share of rises in the recent movement, 0 to 100",
    ko="최근 움직임 중 상승의 비중, 0에서 100",
    params=(Param(PERIOD, 14),),
    outputs=("rsi",),
    unit="percent",
    formula_source="Wilder 1978: 100 rises / (rises + falls), both smoothed by 1/n",
    define=define,
    source="close",
    presets=(
        Preset("Wilder's", "와일더", {"period": 14}),
        Preset("Fast", "빠르게", {"period": 9}),
        Preset("Two days", "2일", {"period": 2}),
        Preset("Slow", "느리게", {"period": 21}),
    ),
)
