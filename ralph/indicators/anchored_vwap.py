"""Mean traded price since an anchor.

The anchor is the newest bar that was, on its own day, the highest (or lowest) of the `period` bars up to it: so it is
known at once, and it stays until a new extreme takes its place, which no bar after it can undo. Where there has been
none, the Symbol's first bar is it. With "bars" it is simply `period` - 1 bars ago, and moves on with each bar.
"""

from __future__ import annotations

from ralph.indicators.formulas import only_with, volume_weighted_mean
from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HIGH, HLC3, LOW, VOLUME, highest, lowest, otherwise, running, same

ANCHORS = ("highest", "lowest", "bars")


def define(mode: Mode, params: Params) -> Terms:
    bars, anchor = period(params), params["anchor"]
    if anchor == "bars":
        return {"anchored_vwap": volume_weighted_mean(HLC3, bars)}
    extreme = same(HIGH, highest(HIGH, bars)) if anchor == "highest" else same(LOW, lowest(LOW, bars))
    begins = otherwise(extreme, 0.0)
    vwap = running(HLC3 * VOLUME, begins) / running(VOLUME, begins)
    return {"anchored_vwap": only_with(CLOSE[bars - 1], vwap)}


ANCHORED_VWAP = Indicator(
    name="anchored_vwap",
    category="volume",
    en="Mean traded price since the newest high (or low) of so many bars, or over so many bars",
    ko="고정 VWAP: 최근 고점(또는 저점) 이후, 혹은 정한 봉 수 동안의 거래량 가중 평균 가격",
    params=(Param(PERIOD, 60), Param("anchor", "highest", choices=ANCHORS)),
    outputs=("anchored_vwap",),
    unit="price",
    formula_source="total of (high + low + close) / 3 x volume over total volume, from the anchor's bar on",
    define=define,
    presets=(
        Preset("Since the quarter's high", "분기 고점 이후", {"period": 60, "anchor": "highest"}),
        Preset("Since the year's low", "52주 저점 이후", {"period": 252, "anchor": "lowest"}),
        Preset("Month", "한 달", {"period": 20, "anchor": "bars"}),
    ),
)
