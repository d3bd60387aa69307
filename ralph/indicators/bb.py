"""Bollinger bands."""

from __future__ import annotations

import math

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, choose, deviation, mean, same


def define(mode: Mode, params: Params) -> Terms:
    middle = mean(SOURCE, period(params))
    width = params["mult"] * deviation(SOURCE, period(params))
    upper, lower = middle + width, middle - width
    apart = upper - lower  # nothing divided by nothing is missing
    return {
        "middle": middle,
        "upper": upper,
        "lower": lower,
        "width": apart / choose(same(apart, 0.0), math.nan, middle),
        "percent_b": (SOURCE - lower) / apart,
    }


BB = Indicator(
    name="bb",
    category="volatility",
    en="Bollinger bands: a mean and standard deviations above and below it",
    ko="볼린저 밴드: 평균과 그 위아래의 표준편차",
    params=(Param(PERIOD, 20), Param("mult", 2.0, low=0.001, high=50, whole=False)),
    outputs=("middle", "upper", "lower", "width", "percent_b"),
    unit="price",
    units={"width": "ratio", "percent_b": "ratio"},
    formula_source="Bollinger: mean of n values -+ mult population standard deviations",
    define=define,
    source="close",
    presets=(
        Preset("Usual", "보통", {"period": 20, "mult": 2.0}),
        Preset("Wide", "넓게", {"period": 20, "mult": 2.5}),
        Preset("Fast", "빠르게", {"period": 10, "mult": 1.9}),
        Preset("Slow", "느리게", {"period": 50, "mult": 2.1}),
    ),
)
