"""Standard deviation."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, deviation


def define(mode: Mode, params: Params) -> Terms:
    return {"stdev": deviation(SOURCE, period(params))}


STDEV = Indicator(
    name="stdev",
    category="volatility",
    en="Population standard deviation of n values",
    ko="n개 값의 모표준편차",
    params=(Param(PERIOD, 20),),
    outputs=("stdev",),
    unit="price",
    formula_source="root of the mean squared distance from the mean, divided by n",
    source="close",
    presets=(
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Week", "1주", {"period": 5}),
    ),
    define=define,
)
