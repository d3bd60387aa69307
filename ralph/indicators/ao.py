"""Awesome oscillator."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HL2, mean


def define(mode: Mode, params: Params) -> Terms:
    return {"ao": mean(HL2, period(params, "fast")) - mean(HL2, period(params, "slow"))}


AO = Indicator(
    name="ao",
    category="momentum",
    en="Awesome oscillator: a fast minus a slow mean of the bars' midpoints",
    ko="오썸 오실레이터: 중간 가격의 빠른 평균에서 느린 평균을 뺀 값",
    params=(Param("fast", 5), Param("slow", 34)),
    outputs=("ao",),
    unit="price",
    formula_source="Williams: mean of (high + low) / 2 over 5 bars less that over 34",
    define=define,
    presets=(
        Preset("Standard", "표준", {"fast": 5, "slow": 34}),
        Preset("Faster", "빠르게", {"fast": 3, "slow": 21}),
        Preset("Slower", "느리게", {"fast": 10, "slow": 50}),
    ),
)
