"""Vortex indicator."""

from __future__ import annotations

from ralph.indicators.formulas import true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, magnitude, total


def define(mode: Mode, params: Params) -> Terms:
    moved = total(true_range(), period(params))
    return {
        "plus": total(magnitude(HIGH - LOW[1]), period(params)) / moved,
        "minus": total(magnitude(LOW - HIGH[1]), period(params)) / moved,
    }


VORTEX = Indicator(
    name="vortex",
    category="trend",
    en="Rising (plus) and falling (minus) movement between bars over the true range, about 1 each",
    ko="실제 변동폭 대비 봉 간 상승(plus)과 하락(minus) 움직임, 각각 1 안팎",
    params=(Param(PERIOD, 14),),
    outputs=("plus", "minus"),
    unit="ratio",
    formula_source="Botes and Siepman 2010: sums of |high - low[1]| and |low - high[1]| over the sum of true ranges",
    presets=(
        Preset("Classic", "기본", {"period": 14}),
        Preset("Fast", "단기", {"period": 7}),
        Preset("Slow", "장기", {"period": 28}),
    ),
    define=define,
)
