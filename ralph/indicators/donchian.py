"""Donchian channel."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HIGH, LOW, highest, lowest


def define(mode: Mode, params: Params) -> Terms:
    upper, lower = highest(HIGH, period(params)), lowest(LOW, period(params))
    middle = (upper + lower) / 2.0
    return {
        "middle": middle,
        "upper": upper,
        "lower": lower,
        "width": (upper - lower) / middle,
        "position": (CLOSE - lower) / (upper - lower),
    }


DONCHIAN = Indicator(
    name="donchian",
    category="volatility",
    en="Donchian channel: highest high, lowest low and their middle; its width, and the close's position in it",
    ko="돈치안 채널: 최고가, 최저가와 그 중간, 채널의 폭과 그 안에서 종가의 위치",
    params=(Param(PERIOD, 20),),
    outputs=("middle", "upper", "lower", "width", "position"),
    unit="price",
    units={"width": "ratio", "position": "ratio"},
    formula_source="Donchian: highest high and lowest low of n bars, today's included; width over the middle",
    define=define,
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Turtles' entry", "터틀 진입", {"period": 55}),
        Preset("Turtles' exit", "터틀 청산", {"period": 10}),
    ),
)
