"""Middle of the recent range."""

from __future__ import annotations

from ralph.indicators.formulas import middle
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period


def define(mode: Mode, params: Params) -> Terms:
    return {"midprice": middle(period(params))}


MIDPRICE = Indicator(
    name="midprice",
    category="average",
    en="Halfway between the highest high and the lowest low",
    ko="최고 고가와 최저 저가의 중간값",
    params=(Param(PERIOD, 14),),
    outputs=("midprice",),
    unit="price",
    formula_source="(highest high + lowest low) / 2 over n bars: the line Ichimoku is made of",
    presets=(
        Preset("Conversion line", "전환선", {"period": 9}),
        Preset("Base line", "기준선", {"period": 26}),
        Preset("Slow span", "후행 스팬 기간", {"period": 52}),
    ),
    define=define,
)
