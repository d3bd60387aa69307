"""Fast stochastic."""

from __future__ import annotations

from ralph.indicators.formulas import only_with, stochastic
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import mean


def define(mode: Mode, params: Params) -> Terms:
    raw = stochastic(period(params), mode)
    smoothed = mean(raw, period(params, "smooth_d"))
    # TA-Lib publishes both lines together.
    return {"k": raw if mode == "tv" else only_with(smoothed, raw), "d": smoothed}


STOCHF = Indicator(
    name="stochf",
    category="momentum",
    en="Where the close stands in the recent range, 0 to 100, unsmoothed (k), and its mean (d)",
    ko="최근 범위에서 종가의 위치, 0에서 100, 원값(k)과 그 평균(d)",
    params=(Param(PERIOD, 14), Param("smooth_d", 3)),
    outputs=("k", "d"),
    unit="percent",
    formula_source="Lane: 100 (close - lowest) / (highest - lowest), and its mean",
    presets=(
        Preset("Classic", "기본", {"period": 14, "smooth_d": 3}),
        Preset("Fast", "단기", {"period": 5, "smooth_d": 3}),
        Preset("Slow", "장기", {"period": 21, "smooth_d": 5}),
    ),
    define=define,
)
