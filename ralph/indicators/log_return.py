"""Logarithmic return."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, log


def define(mode: Mode, params: Params) -> Terms:
    return {"log_return": log(SOURCE / SOURCE[period(params)])}


LOG_RETURN = Indicator(
    name="log_return",
    category="momentum",
    en="Logarithm of the price over that of some bars before",
    ko="로그 수익률: 몇 봉 전 가격에 대한 비율의 로그",
    params=(Param(PERIOD, 1),),
    outputs=("log_return",),
    unit="ratio",
    formula_source="ln(x / x of n bars before)",
    define=define,
    source="close",
    presets=(
        Preset("Day", "하루", {"period": 1}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Year", "한 해", {"period": 250}),
    ),
)
