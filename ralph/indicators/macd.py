"""Moving average convergence and divergence."""

from __future__ import annotations

from ralph.indicators.formulas import only_with
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    fast, slow, signal = period(params, "fast"), period(params, "slow"), period(params, "signal")
    if mode == "tv":
        line = ema(SOURCE, fast) - ema(SOURCE, slow)
        smoothed = ema(line, signal)
        return {"macd": line, "signal": smoothed, "hist": line - smoothed}
    # TA-Lib takes the shorter period for the fast mean, ends the seeds of both on one bar and shows all lines together.
    fast, slow = min(fast, slow), max(fast, slow)
    line = ema(SOURCE, fast, skip=slow - fast) - ema(SOURCE, slow)
    smoothed = ema(line, signal)
    return {"macd": only_with(smoothed, line), "signal": smoothed, "hist": line - smoothed}


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
        Preset("Appel's", "애펠", {"fast": 12, "slow": 26, "signal": 9}),
        Preset("Faster", "빠르게", {"fast": 5, "slow": 13, "signal": 6}),
        Preset("Weekly bars", "주봉", {"fast": 8, "slow": 17, "signal": 9}),
        Preset("Slower", "느리게", {"fast": 19, "slow": 39, "signal": 9}),
    ),
)
