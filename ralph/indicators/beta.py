"""Beta against the index."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, INDEX_CLOSE, covariance


def define(mode: Mode, params: Params) -> Terms:
    own = CLOSE / CLOSE[1] - 1.0
    index = INDEX_CLOSE / INDEX_CLOSE[1] - 1.0
    return {"beta": covariance(index, own, period(params)) / covariance(index, index, period(params))}


BETA = Indicator(
    name="beta",
    category="structure",
    en="How much of the index's daily moves the price makes: the slope of its returns over the index's",
    ko="베타: 지수 수익률에 대한 종목 수익률의 기울기",
    params=(Param(PERIOD, 60, low=2),),
    outputs=("beta",),
    unit="number",
    formula_source="covariance(index returns, returns) / variance(index returns) over n simple returns",
    define=define,
    presets=(
        Preset("Quarter", "한 분기", {"period": 60}),
        Preset("Half a year", "반 년", {"period": 120}),
        Preset("Year", "한 해", {"period": 250}),
    ),
)
