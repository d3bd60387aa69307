"""Ultimate oscillator."""

from __future__ import annotations

from ralph.indicators.formulas import ultimate_oscillator
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    periods = (period(params, "fast"), period(params, "medium"), period(params, "slow"))
    return {"uo": ultimate_oscillator(periods, mode)}


UO = Indicator(
    name="uo",
    category="momentum",
    en="Buying pressure in the true range over three lengths at once, 0 to 100",
    ko="세 기간을 함께 본 실제 변동폭 중 매수 압력, 0에서 100",
    params=(Param("fast", 7), Param("medium", 14), Param("slow", 28)),
    outputs=("uo",),
    unit="percent",
    formula_source="Williams 1985: 100 (4 fast + 2 medium + slow) / 7, each buying pressure over true range",
    presets=(
        Preset("Classic", "기본", {"fast": 7, "medium": 14, "slow": 28}),
        Preset("Fast", "단기", {"fast": 5, "medium": 10, "slow": 20}),
        Preset("Slow", "장기", {"fast": 10, "medium": 20, "slow": 40}),
    ),
    define=define,
)
