"""Accumulation and distribution."""

from __future__ import annotations

from ralph.indicators.flows import money_flow
from ralph.indicators.indicator import Indicator, Mode, Params, Terms
from ralph.indicators.terms import running


def define(mode: Mode, params: Params) -> Terms:
    return {"ad": running(money_flow())}


AD = Indicator(
    name="ad",
    category="volume",
    en="Accumulation and distribution: volume added up by where the close stands in the bar's range",
    ko="매집·분산: 하루 범위에서 종가의 위치로 무게를 준 거래량의 누적",
    params=(),
    outputs=("ad",),
    unit="volume",
    formula_source="Chaikin: running sum of volume ((close - low) - (high - close)) / (high - low), 0 without a range",
    define=define,
)
