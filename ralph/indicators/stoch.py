"""Stochastic oscillator."""

from __future__ import annotations

from ralph.indicators.formulas import only_with, stochastic
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import mean


def define(mode: Mode, params: Params) -> Terms:
    raw = stochastic(period(params), mode)
    k = mean(raw, period(params, "smooth_k"))
    d = mean(k, period(params, "smooth_d"))
    # TA-Lib publishes `k` only together with `d`.
    return {"k": only_with(d, k) if mode == "talib" else k, "d": d, "raw": raw}


STOCH = Indicator(
    name="stoch",
    category="momentum",
    en="Where the close stands in the recent range, 0 to 100, smoothed (k), and smoothed again (d)",
    ko="최근 범위에서 종가의 위치, 0에서 100, 한 번(k)과 두 번(d) 평균",
    params=(Param(PERIOD, 14), Param("smooth_k", 3), Param("smooth_d", 3)),
    outputs=("k", "d", "raw"),
    unit="percent",
    formula_source="Lane: 100 (close - lowest) / (highest - lowest), its mean, and the mean of that",
    define=define,
    presets=(
        Preset("Usual", "보통", {"period": 14, "smooth_k": 3, "smooth_d": 3}),
        Preset("Short", "짧게", {"period": 5, "smooth_k": 3, "smooth_d": 3}),
        Preset("Fast", "빠르게", {"period": 14, "smooth_k": 1, "smooth_d": 3}),
        Preset("Long", "길게", {"period": 20, "smooth_k": 5, "smooth_d": 5}),
    ),
)
