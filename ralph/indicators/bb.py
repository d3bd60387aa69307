"""Bollinger bands."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, deviation, mean


def define(mode: Mode, params: Params) -> Terms:
    middle = mean(SOURCE, period(params))
    spread = params["mult"] * deviation(SOURCE, period(params))
    upper, lower = middle + spread, middle - spread
    return {
        "middle": middle,
        "upper": upper,
        "lower": lower,
        "width": (upper - lower) / middle,
        "percent_b": (SOURCE - lower) / (upper - lower),
    }


BB = Indicator(
    name="bb",
    category="volatility",
    en="Bollinger bands: a mean and standard deviations above and below it; their width, and the place between them",
    ko="볼린저 밴드: 평균과 그 위아래의 표준편차, 밴드의 폭과 그 안에서의 위치(%b)",
    params=(Param(PERIOD, 20, low=2), Param("mult", 2.0, low=0.001, high=50, whole=False)),
    outputs=("middle", "upper", "lower", "width", "percent_b"),
    unit="price",
    units={"width": "ratio", "percent_b": "ratio"},
    formula_source="Bollinger: mean of n values -+ mult population standard deviations",
    define=define,
    source="close",
    presets=(
        Preset("Bollinger's", "볼린저", {"period": 20, "mult": 2.0}),
        Preset("Short", "단기", {"period": 10, "mult": 1.9}),
        Preset("Long", "장기", {"period": 50, "mult": 2.1}),
    ),
)
