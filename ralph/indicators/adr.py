"""Average daily range."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, mean


def define(mode: Mode, params: Params) -> Terms:
    return {
        "pct": 100.0 * (mean(HIGH / LOW, period(params)) - 1.0),
        "price": mean(HIGH - LOW, period(params)),
    }


ADR = Indicator(
    name="adr",
    category="volatility",
    en="Average range of a bar, in percent of its low and in price",
    ko="평균 일중 변동폭: 저가 대비 퍼센트와 가격",
    params=(Param(PERIOD, 20),),
    outputs=("pct", "price"),
    unit="percent",
    units={"price": "price"},
    formula_source="100 (mean of high / low - 1); mean of high - low",
    define=define,
    presets=(
        Preset("Week", "한 주", {"period": 5}),
        Preset("Two weeks", "두 주", {"period": 10}),
        Preset("Month", "한 달", {"period": 20}),
    ),
)
