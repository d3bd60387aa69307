"""Bull and bear power, known as the Elder ray."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HIGH, LOW, ema


def define(mode: Mode, params: Params) -> Terms:
    line = ema(CLOSE, period(params))
    bull, bear = HIGH - line, LOW - line
    return {"bull": bull, "bear": bear, "power": bull + bear}


BULL_BEAR = Indicator(
    name="bull_bear",
    category="momentum",
    en="Elder ray: how far the high (bull) and the low (bear) stand from an exponential mean, and both together",
    ko="엘더 레이: 지수 평균에서 고가(bull)와 저가(bear)까지의 거리와 그 합",
    params=(Param(PERIOD, 13),),
    outputs=("bull", "bear", "power"),
    unit="price",
    formula_source="Elder 1993: high - EMA(close), low - EMA(close), and their sum",
    define=define,
    presets=(
        Preset("Elder's", "엘더", {"period": 13}),
        Preset("Month", "한 달", {"period": 20}),
        Preset("Half a year", "반 년", {"period": 130}),
    ),
)
