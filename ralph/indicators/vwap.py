"""Volume-weighted mean price since the first bar."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Params, Terms
from ralph.indicators.terms import HLC3, VOLUME, choose, running, same


def define(mode: Mode, params: Params) -> Terms:
    value, volume = running(HLC3 * VOLUME), running(VOLUME)
    # Before the first trade there is no price; TA-Lib says 0.
    return {"vwap": value / volume if mode == "tv" else choose(same(volume, 0.0), 0.0, value / volume)}


VWAP = Indicator(
    name="vwap",
    category="volume",
    en="Mean price by volume since the first bar there is; for trading days see session_vwap",
    ko="첫 봉부터의 거래량 가중 평균가; 장중 세션별은 session_vwap",
    params=(),
    outputs=("vwap",),
    unit="price",
    formula_source="sum of typical price x volume / sum of volume",
    define=define,
)
