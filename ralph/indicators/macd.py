"""Moving average convergence and divergence."""

from __future__ import annotations

from ralph.indicators.formulas import only_with
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    fast, slow = period(params, "fast"), period(params, "slow")
    # TA-Lib takes the shorter period for the fast one, whichever way they are given, seeds it with the values just
    # before the slow one's first, and publishes all three together.
    if mode == "talib":
        fast, slow = min(fast, slow), max(fast, slow)
    late = slow - fast if mode == "talib" else 0
    apart = ema(SOURCE, fast, late) - ema(SOURCE, slow)
    signal = ema(apart, period(params, "signal"))
    macd = only_with(signal, apart) if mode == "talib" else apart
    return {"macd": macd, "signal": signal, "hist": apart - signal}


MACD = Indicator(
    name="macd",
    category="momentum",
    en="Distance between a fast and a slow exponential mean, and its signal line",
    ko="빠른 지수 평균과 느린 지수 평균의 차이와 신호선",
    params=(Param("fast", 12), Param("slow", 26), Param("signal", 9)),
    outputs=("macd", "signal", "hist"),
    unit="price",
    formula_source="Appel: EMA(fast) - EMA(slow), EMA(signal) of it, and their difference",
    define=define,
    source="close",
    presets=(
        Preset("Usual", "보통", {"fast": 12, "slow": 26, "signal": 9}),
        Preset("Fast", "빠르게", {"fast": 5, "slow": 35, "signal": 5}),
        Preset("Slow", "느리게", {"fast": 19, "slow": 39, "signal": 9}),
    ),
)
