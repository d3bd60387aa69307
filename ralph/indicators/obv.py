"""On-balance volume."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Params, Terms
from ralph.indicators.terms import CLOSE, VOLUME, choose, otherwise, running


def define(mode: Mode, params: Params) -> Terms:
    moved = choose(CLOSE > CLOSE[1], VOLUME, choose(CLOSE < CLOSE[1], -VOLUME, 0.0))
    # TA-Lib begins with the first bar's volume, Pine with 0: a constant offset.
    return {"obv": running(otherwise(moved, VOLUME if mode == "talib" else 0.0))}


OBV = Indicator(
    name="obv",
    category="volume",
    en="Volume added on rises and taken away on falls",
    ko="오른 날의 거래량은 더하고 내린 날은 뺀 누적",
    params=(),
    outputs=("obv",),
    unit="volume",
    formula_source="Granville: running sum of the volume by the sign of the close's change",
    define=define,
)
