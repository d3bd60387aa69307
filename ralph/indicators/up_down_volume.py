"""Volume of rising against falling bars."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, VOLUME, choose, total


def define(mode: Mode, params: Params) -> Terms:
    bought = total(choose(CLOSE > CLOSE[1], VOLUME, 0.0), period(params))
    sold = total(choose(CLOSE < CLOSE[1], VOLUME, 0.0), period(params))
    return {"up_down_volume": bought / sold}


UP_DOWN_VOLUME = Indicator(
    name="up_down_volume",
    category="volume",
    en="Volume of rising bars over that of falling ones; not defined where none fell",
    ko="상승 봉 거래량의 합을 하락 봉 거래량의 합으로 나눈 값; 하락 거래가 없으면 없음",
    params=(Param(PERIOD, 50),),
    outputs=("up_down_volume",),
    unit="ratio",
    formula_source="O'Neil: sum of volume where the close rose / sum of volume where it fell, n bars",
    presets=(
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Month", "1개월", {"period": 20}),
        Preset("Quarter", "3개월", {"period": 63}),
    ),
    define=define,
)
