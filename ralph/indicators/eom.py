"""Ease of movement."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, HL2, LOW, VOLUME, mean


def define(mode: Mode, params: Params) -> Terms:
    moved = params["divisor"] * (HL2 - HL2[1]) * (HIGH - LOW) / VOLUME
    return {"eom": mean(moved, period(params))}


EOM = Indicator(
    name="eom",
    category="volume",
    en="Ease of movement: how far the bars' midpoints move for the volume it takes",
    ko="이동 용이성: 거래량에 비해 중간 가격이 얼마나 쉽게 움직이는지",
    params=(Param(PERIOD, 14), Param("divisor", 10_000, high=1_000_000_000)),
    outputs=("eom",),
    unit="price_squared_per_volume",
    formula_source="Arms: mean of divisor x change of (high + low) / 2 x (high - low) / volume; missing without volume",
    define=define,
    presets=(
        Preset("Standard", "표준", {"period": 14, "divisor": 10_000}),
        Preset("Month", "한 달", {"period": 20, "divisor": 10_000}),
        Preset("Large volumes", "거래량이 많은 종목", {"period": 14, "divisor": 1_000_000}),
    ),
)
