"""True strength index."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, choose, ema, magnitude, same


def define(mode: Mode, params: Params) -> Terms:
    change = SOURCE - SOURCE[1]
    slow, fast = period(params, "slow"), period(params, "fast")
    moved = ema(ema(magnitude(change), slow), fast)
    tsi = choose(same(moved, 0.0), 0.0, 100.0 * (ema(ema(change, slow), fast) / moved))
    return {"tsi": tsi, "signal": ema(tsi, period(params, "signal"))}


TSI = Indicator(
    name="tsi",
    category="momentum",
    en="How one-sided the movement is, smoothed twice, -100 to 100, and its mean (signal)",
    ko="두 번 평활한 움직임의 방향성, -100에서 100, 그리고 그 평균(signal)",
    params=(Param("fast", 13), Param("slow", 25), Param("signal", 13)),
    outputs=("tsi", "signal"),
    unit="percent",
    formula_source="Blau 1991: 100 EMA(EMA(change)) / EMA(EMA(|change|)); 0 where nothing has moved",
    source="close",
    presets=(
        Preset("Classic", "기본", {"fast": 13, "slow": 25, "signal": 13}),
        Preset("Fast", "단기", {"fast": 7, "slow": 13, "signal": 7}),
        Preset("Slow", "장기", {"fast": 20, "slow": 40, "signal": 10}),
    ),
    define=define,
)
