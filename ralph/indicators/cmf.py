"""Chaikin money flow."""

from __future__ import annotations

from ralph.indicators.flows import money_flow
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import VOLUME, choose, total


def define(mode: Mode, params: Params) -> Terms:
    volume = total(VOLUME, period(params))
    flow = total(money_flow(), period(params)) / volume
    # Without any volume TA-Lib says 0.
    return {"cmf": choose(volume > 0.0, flow, 0.0) if mode == "talib" else flow}


CMF = Indicator(
    name="cmf",
    category="volume",
    en="Chaikin money flow: share of the volume that went with closes near the high less that near the low, -1 to 1",
    ko="차이킨 자금 흐름: 고가 근처 마감에서 저가 근처 마감을 뺀 거래량 비중, -1에서 1",
    params=(Param(PERIOD, 20),),
    outputs=("cmf",),
    unit="ratio",
    formula_source="Chaikin: total of volume ((close - low) - (high - close)) / (high - low) over total volume",
    define=define,
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Chaikin's", "차이킨", {"period": 21}),
        Preset("Short", "단기", {"period": 10}),
    ),
)
