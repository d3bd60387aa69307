"""Ichimoku."""

from __future__ import annotations

from ralph.indicators.formulas import middle
from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    conversion, base = middle(period(params, "conversion")), middle(period(params, "base"))
    span_a, span_b = (conversion + base) / 2.0, middle(period(params, "span_b"))
    # Charts draw the spans so many bars ahead, counting the bar itself.
    ahead = period(params, "displacement") - 1
    return {
        "conversion": conversion,
        "base": base,
        "span_a": span_a,
        "span_b": span_b,
        "cloud_a": span_a[ahead],
        "cloud_b": span_b[ahead],
    }


ICHIMOKU = Indicator(
    name="ichimoku",
    category="trend",
    en="Ichimoku: conversion and base lines, the spans made of this bar, and the cloud that a chart draws at this bar",
    ko="일목균형표: 전환선, 기준선, 오늘 계산한 선행스팬과 오늘 차트에 놓인 구름",
    params=(Param("conversion", 9), Param("base", 26), Param("span_b", 52), Param("displacement", 26)),
    outputs=("conversion", "base", "span_a", "span_b", "cloud_a", "cloud_b"),
    unit="price",
    formula_source="Hosoda: middles of highest high and lowest low; the cloud: the spans displacement - 1 bars before",
    define=define,
    presets=(
        Preset("Hosoda's", "호소다", {"conversion": 9, "base": 26, "span_b": 52, "displacement": 26}),
        Preset("Five-day week", "주 5일", {"conversion": 7, "base": 22, "span_b": 44, "displacement": 22}),
        Preset("Doubled", "두 배", {"conversion": 18, "base": 52, "span_b": 104, "displacement": 52}),
    ),
)
