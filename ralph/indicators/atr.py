"""Average true range."""

from __future__ import annotations

from ralph.indicators.formulas import average_true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    return {"atr": average_true_range(period(params), mode)}


ATR = Indicator(
    name="atr",
    category="volatility",
    en="Wilder's mean of the true range",
    ko="갭을 포함한 하루 변동폭의 와일더 평균",
    params=(Param(PERIOD, 14),),
    outputs=("atr",),
    unit="price",
    formula_source="Wilder 1978: mean, by 1/n, of the range of high, low and the close before",
    define=define,
    presets=(
        Preset("Wilder's", "와일더", {"period": 14}),
        Preset("Fast", "빠르게", {"period": 7}),
        Preset("Month", "한 달", {"period": 20}),
    ),
)
