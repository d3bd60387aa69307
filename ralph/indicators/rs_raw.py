"""Relative strength before it is ranked."""

from __future__ import annotations

from ralph.indicators.indicator import Indicator, Mode, Param, Params, Preset, Terms
from ralph.indicators.terms import CLOSE, Term

QUARTER = 63


def define(mode: Mode, params: Params) -> Terms:
    def change(newest: int, oldest: int) -> Term:
        return CLOSE[newest] / CLOSE[oldest] - 1.0

    if params["quarters"]:
        parts = [change(QUARTER * quarter, QUARTER * (quarter + 1)) for quarter in range(4)]
    else:
        parts = [change(0, QUARTER * (quarter + 1)) for quarter in range(4)]
    newest, second, third, oldest = parts
    return {"rs_raw": 0.4 * newest + 0.2 * (second + third + oldest)}


RS_RAW = Indicator(
    name="rs_raw",
    category="rating",
    en="A year's change, the newest quarter counted double: what the RS rating ranks Symbols by",
    ko="최근 분기에 두 배 가중한 1년 수익률: RS 등급의 순위 기준값",
    params=(Param("quarters", 0, low=0, high=1),),
    outputs=("rs_raw",),
    unit="ratio",
    formula_source="0.4 r63 + 0.2 (r126 + r189 + r252), r over the last n bars; quarters=1: four separate quarters",
    presets=(
        Preset("To date", "누적", {"quarters": 0}),
        Preset("Four quarters", "분기별", {"quarters": 1}),
    ),
    define=define,
)
