"""Relative strength against the index."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, INDEX_CLOSE, highest


def define(mode: Mode, params: Params) -> Terms:
    line = CLOSE / INDEX_CLOSE
    change = 100.0 * (line / line[period(params)] - 1.0)
    return {"line": line, "change": change, "new_high": line > highest(line, period(params, "high_period"))[1]}


RELATIVE_STRENGTH = Indicator(
    name="relative_strength",
    category="structure",
    en="Close over index (line), its change in percent, and 1 where the line is above the year before (new_high)",
    ko="지수 대비 종가(line), 그 변화율(%), 직전 1년의 최고를 넘으면 1(new_high)",
    params=(Param(PERIOD, 63), Param("high_period", 252)),
    outputs=("line", "change", "new_high"),
    unit="price",
    units={"change": "percent", "new_high": "number"},
    formula_source="close / index close; 100 (line / line[n] - 1); line above the highest of the bars before",
    presets=(
        Preset("Quarter", "3개월", {"period": 63, "high_period": 252}),
        Preset("Month", "1개월", {"period": 21, "high_period": 63}),
        Preset("Year", "1년", {"period": 252, "high_period": 252}),
    ),
    define=define,
)
