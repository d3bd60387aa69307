"""Distance from the highest and lowest price of a year."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import CLOSE, HIGH, LOW, highest, lowest


def define(mode: Mode, params: Params) -> Terms:
    return {
        "high_pct": 100.0 * (CLOSE / highest(HIGH, period(params)) - 1.0),
        "low_pct": 100.0 * (CLOSE / lowest(LOW, period(params)) - 1.0),
    }


DIST_52W = Indicator(
    name="dist_52w",
    category="structure",
    en="Percent the close stands below the highest high and above the lowest low of a year",
    ko="52주 고점과 저점에서 종가까지의 거리, 퍼센트",
    params=(Param(PERIOD, 252),),
    outputs=("high_pct", "low_pct"),
    unit="percent",
    formula_source="100 (close / highest high - 1), 100 (close / lowest low - 1), today's bar included",
    define=define,
    presets=(
        Preset("Year", "한 해", {"period": 252}),
        Preset("Year of the Korean market", "한국 시장의 한 해", {"period": 246}),
        Preset("Half a year", "반 년", {"period": 126}),
    ),
)
