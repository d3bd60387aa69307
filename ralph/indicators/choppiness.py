"""Choppiness index."""

from __future__ import annotations

import math

from ralph.indicators.formulas import true_range
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, highest, log, lowest, otherwise, total


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    walked = total(otherwise(true_range(), HIGH - LOW), bars)
    span = highest(HIGH, bars) - lowest(LOW, bars)
    return {"choppiness": 100.0 * log(walked / span) / math.log(bars)}


CHOPPINESS = Indicator(
    name="choppiness",
    category="volatility",
    en="Choppiness index: near 100 where the price goes nowhere, near 0 where it trends",
    ko="차피니스 지수: 횡보하면 100, 추세가 뚜렷하면 0에 가까움",
    params=(Param(PERIOD, 14, low=2),),
    outputs=("choppiness",),
    unit="percent",
    formula_source="Dreiss: 100 log(total of true ranges / (highest high - lowest low)) / log(n)",
    define=define,
    presets=(
        Preset("Standard", "표준", {"period": 14}),
        Preset("Month", "한 달", {"period": 21}),
        Preset("Quarter", "한 분기", {"period": 60}),
    ),
)
