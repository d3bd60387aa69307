"""Pocket pivot."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, VOLUME, both, choose, highest


def define(mode: Mode, params: Params) -> Terms:
    # -1 is below any volume: a bar that did not fall has no say, and without one that did there is no pivot.
    fallen = highest(choose(CLOSE < CLOSE[1], VOLUME, -1.0), period(params))[1]
    return {"pocket_pivot": both(CLOSE > CLOSE[1], both(fallen >= 0.0, VOLUME > fallen))}


POCKET_PIVOT = Indicator(
    name="pocket_pivot",
    category="structure",
    en="1 where a rising bar trades more than any falling one of the 10 bars before it, else 0",
    ko="상승한 봉의 거래량이 직전 10봉의 하락 봉 거래량을 모두 넘으면 1, 아니면 0",
    params=(Param(PERIOD, 10),),
    outputs=("pocket_pivot",),
    unit="number",
    formula_source="Morales and Kacher 2010: volume above any down day's; without a down day there is none",
    presets=(
        Preset("Classic", "기본", {"period": 10}),
        Preset("Short", "단기", {"period": 5}),
        Preset("Strict", "엄격", {"period": 20}),
    ),
    define=define,
)
