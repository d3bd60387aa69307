"""Money flow index."""

from __future__ import annotations

import math

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import HLC3, VOLUME, choose, otherwise, same, total


def define(mode: Mode, params: Params) -> Terms:
    traded = HLC3 * VOLUME
    # Pine's script asks for what did not happen, so that its first bar, which has none before it, flows both ways.
    if mode == "tv":
        came = choose(otherwise(HLC3 <= HLC3[1], 0.0), 0.0, traded)
        went = choose(otherwise(HLC3 >= HLC3[1], 0.0), 0.0, traded)
    else:
        came = choose(HLC3 > HLC3[1], traded, 0.0)
        went = choose(HLC3 < HLC3[1], traded, 0.0)
    inflow, outflow = total(came, period(params)), total(went, period(params))
    flat = math.nan if mode == "tv" else 0.0
    return {"mfi": choose(same(inflow + outflow, 0.0), flat, 100.0 * (inflow / (inflow + outflow)))}


MFI = Indicator(
    name="mfi",
    category="volume",
    en="Share of the traded value that moved with rising prices, 0 to 100: an RSI that knows volume",
    ko="상승한 봉에 실린 거래대금의 비중, 0에서 100: 거래량을 반영한 RSI",
    params=(Param(PERIOD, 14),),
    outputs=("mfi",),
    unit="percent",
    formula_source="Quong and Soudack 1989: 100 inflow / (inflow + outflow), each a sum of typical price x volume",
    presets=(
        Preset("Classic", "기본", {"period": 14}),
        Preset("Fast", "단기", {"period": 9}),
        Preset("Slow", "장기", {"period": 20}),
    ),
    define=define,
)
