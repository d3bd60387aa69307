"""Kaufman's adaptive moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, adaptive_mean, choose, least, magnitude, total


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    way, path = magnitude(SOURCE - SOURCE[bars]), total(magnitude(SOURCE - SOURCE[1]), bars)
    efficiency = choose(path > 0.0, least(way / path, 1.0), 1.0)
    quick, lazy = 2.0 / (params["fast"] + 1.0), 2.0 / (params["slow"] + 1.0)
    weight = efficiency * (quick - lazy) + lazy
    return {"kama": adaptive_mean(SOURCE, weight * weight)}


KAMA = Indicator(
    name="kama",
    category="average",
    en="Kaufman adaptive mean: quick when the price goes straight, slow when it wanders",
    ko="카우프만 적응 이동평균: 곧게 움직이면 빠르고 흔들리면 느린 평균",
    params=(Param(PERIOD, 10), Param("fast", 2), Param("slow", 30)),
    outputs=("kama",),
    unit="price",
    formula_source="Kaufman 1995: each new value counts (efficiency (2/(fast+1) - 2/(slow+1)) + 2/(slow+1))^2",
    define=define,
    source="close",
    presets=(
        Preset("Kaufman's", "카우프만", {"period": 10, "fast": 2, "slow": 30}),
        Preset("Calmer", "차분하게", {"period": 10, "fast": 5, "slow": 30}),
        Preset("Month", "한 달", {"period": 21, "fast": 2, "slow": 30}),
    ),
)
