"""Chaikin's volatility."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, ema


def define(mode: Mode, params: Params) -> Terms:
    spread = ema(HIGH - LOW, period(params))
    return {"chaikin_volatility": 100.0 * (spread / spread[period(params, "change")] - 1.0)}


CHAIKIN_VOLATILITY = Indicator(
    name="chaikin_volatility",
    category="volatility",
    en="Chaikin volatility: percent by which the mean range of a bar has grown",
    ko="차이킨 변동성: 평균 봉 범위가 늘어난 퍼센트",
    params=(Param(PERIOD, 10), Param("change", 10)),
    outputs=("chaikin_volatility",),
    unit="percent",
    formula_source="Chaikin: 100 (EMA(high - low) / that of `change` bars before - 1)",
    define=define,
    presets=(
        Preset("Standard", "표준", {"period": 10, "change": 10}),
        Preset("Week", "한 주", {"period": 5, "change": 5}),
        Preset("Month", "한 달", {"period": 20, "change": 20}),
    ),
)
