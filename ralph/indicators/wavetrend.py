"""Wave trend."""

from __future__ import annotations

from ralph.indicators.formulas import ZERO_DEVIATION
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HLC3, choose, ema, magnitude, mean


def define(mode: Mode, params: Params) -> Terms:
    channel = period(params, "channel")
    center = ema(HLC3, channel)
    spread = ema(magnitude(HLC3 - center), channel)
    flat = spread <= ZERO_DEVIATION * magnitude(center)
    index = choose(flat, 0.0, (HLC3 - center) / (0.015 * spread))
    wave = ema(index, period(params, "average"))
    return {"wt1": wave, "wt2": mean(wave, period(params, "signal"))}


WAVETREND = Indicator(
    name="wavetrend",
    category="momentum",
    en="Distance from a smoothed price in units of its usual distance, smoothed (wt1), and its mean (wt2)",
    ko="평활한 가격에서 벗어난 정도를 평소 거리로 나눈 값(wt1)과 그 평균(wt2)",
    params=(Param("channel", 10), Param("average", 21), Param("signal", 4)),
    outputs=("wt1", "wt2"),
    unit="number",
    formula_source="EMA of (hlc3 - EMA) / (0.015 EMA of the distance); its mean; 0 where nothing deviates",
    presets=(
        Preset("Classic", "기본", {"channel": 10, "average": 21, "signal": 4}),
        Preset("Fast", "단기", {"channel": 6, "average": 13, "signal": 3}),
        Preset("Slow", "장기", {"channel": 20, "average": 42, "signal": 4}),
    ),
    define=define,
)
