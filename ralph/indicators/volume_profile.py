"""Price at which most was traded."""

from __future__ import annotations

import math

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HIGH, LOW, VOLUME, busiest_price, choose, total


def define(mode: Mode, params: Params) -> Terms:
    busiest = busiest_price(LOW, HIGH, VOLUME, period(params), period(params, "bins"))
    return {"poc": choose(total(VOLUME, period(params)) > 0.0, busiest, math.nan)}


VOLUME_PROFILE = Indicator(
    name="volume_profile",
    category="volume",
    en="Point of control: the price bin in which most was traded over n bars",
    ko="n봉 동안 거래가 가장 많이 몰린 가격대(POC)",
    params=(Param(PERIOD, 60, high=500), Param("bins", 24, low=2, high=200)),
    outputs=("poc",),
    unit="price",
    formula_source="volume spread evenly over each bar's range, added up in equal price bins; middle of the fullest",
    presets=(
        Preset("Month", "1개월", {"period": 21, "bins": 24}),
        Preset("Quarter", "3개월", {"period": 63, "bins": 24}),
        Preset("Year", "1년", {"period": 252, "bins": 48}),
    ),
    define=define,
)
