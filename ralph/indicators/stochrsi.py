"""Stochastic RSI."""

from __future__ import annotations

from ralph.indicators.formulas import only_with, stochastic_rsi
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, mean


def define(mode: Mode, params: Params) -> Terms:
    raw = stochastic_rsi(SOURCE, period(params, "rsi_period"), period(params), mode)
    k = mean(raw, period(params, "smooth_k"))
    d = mean(k, period(params, "smooth_d"))
    # TA-Lib publishes its two lines, the raw one and its mean, together.
    return {"k": k, "d": d, "raw": raw if mode == "tv" else only_with(k, raw)}


STOCHRSI = Indicator(
    name="stochrsi",
    category="momentum",
    en="Where the RSI stands in its own recent range, 0 to 100, smoothed (k), and smoothed again (d)",
    ko="최근 범위에서 RSI의 위치, 0에서 100, 한 번(k)과 두 번(d) 평균",
    params=(Param("rsi_period", 14), Param(PERIOD, 14, low=2), Param("smooth_k", 3), Param("smooth_d", 3)),
    outputs=("k", "d", "raw"),
    unit="percent",
    formula_source="Chande and Kroll 1994: 100 (RSI - lowest) / (highest - lowest), its mean, and the mean of that",
    source="close",
    presets=(
        Preset("Classic", "기본", {"rsi_period": 14, "period": 14, "smooth_k": 3, "smooth_d": 3}),
        Preset("Fast", "단기", {"rsi_period": 7, "period": 7, "smooth_k": 3, "smooth_d": 3}),
        Preset("Slow", "장기", {"rsi_period": 21, "period": 21, "smooth_k": 5, "smooth_d": 5}),
    ),
    define=define,
)
