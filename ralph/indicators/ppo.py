"""Percentage price oscillator."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema


def define(mode: Mode, params: Params) -> Terms:
    slow = ema(SOURCE, period(params, "slow"))
    ppo = 100.0 * ((ema(SOURCE, period(params, "fast")) - slow) / slow)
    signal = ema(ppo, period(params, "signal"))
    return {"ppo": ppo, "signal": signal, "hist": ppo - signal}


PPO = Indicator(
    name="ppo",
    category="momentum",
    en="MACD in percent of the slow mean: comparable between Symbols",
    ko="느린 평균 대비 백분율로 나타낸 MACD: 종목 간 비교 가능",
    params=(Param("fast", 12), Param("slow", 26), Param("signal", 9)),
    outputs=("ppo", "signal", "hist"),
    unit="percent",
    formula_source="Appel: 100 (fast EMA - slow EMA) / slow EMA, its EMA, and their difference",
    source="close",
    presets=(
        Preset("Classic", "기본", {"fast": 12, "slow": 26, "signal": 9}),
        Preset("Fast", "단기", {"fast": 5, "slow": 13, "signal": 6}),
        Preset("Weekly", "주간", {"fast": 60, "slow": 130, "signal": 45}),
    ),
    define=define,
)
