"""Volume-weighted mean price of the trading day."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms
from ralph.indicators.terms import HLC3, SESSION, VOLUME, greatest, held, otherwise, root, running, same


def define(mode: Mode, params: Params) -> Terms:
    starts = 1.0 - otherwise(same(SESSION, SESSION[1]), 0.0)
    # Distances from the session's first price: squares of prices would cancel.
    start = held(HLC3, starts)
    offset = HLC3 - start
    volume = running(VOLUME, starts)
    mean_offset = running(offset * VOLUME, starts) / volume
    mean_square = running(offset * offset * VOLUME, starts) / volume
    vwap = start + mean_offset
    deviation = root(greatest(mean_square - mean_offset * mean_offset, 0.0))
    band = params["mult"] * deviation
    return {"vwap": vwap, "upper": vwap + band, "lower": vwap - band, "deviation": deviation}


SESSION_VWAP = Indicator(
    name="session_vwap",
    category="volume",
    en="Mean price by volume since the session began, with bands of volume-weighted deviations around it",
    ko="장 시작부터의 거래량 가중 평균가와 거래량 가중 편차 밴드",
    params=(Param("mult", 2.0, low=0.001, high=50, whole=False),),
    outputs=("vwap", "upper", "lower", "deviation"),
    unit="price",
    formula_source="sum of typical price x volume / sum of volume from the session's first bar; NaN until a trade",
    presets=(
        Preset("One deviation", "1편차", {"mult": 1.0}),
        Preset("Two deviations", "2편차", {"mult": 2.0}),
        Preset("Three deviations", "3편차", {"mult": 3.0}),
    ),
    define=define,
)
