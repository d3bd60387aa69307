"""Relative volume."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import VOLUME, mean


def define(mode: Mode, params: Params) -> Terms:
    before = VOLUME / mean(VOLUME, period(params))[1]
    return {"rvol": before, "excl_today": before, "incl_today": VOLUME / mean(VOLUME, period(params))}


RVOL = Indicator(
    name="rvol",
    category="volume",
    en="Volume in multiples of its mean over the bars before (rvol, excl_today), or with this bar (incl_today)",
    ko="직전 봉들의 평균 대비 거래량 배수(rvol, excl_today), 당일 포함 평균 대비(incl_today)",
    params=(Param(PERIOD, 20),),
    outputs=("rvol", "excl_today", "incl_today"),
    unit="ratio",
    formula_source="volume / mean volume of the n bars before it; NaN where nothing was traded in them",
    presets=(
        Preset("Month", "1개월", {"period": 20}),
        Preset("Ten weeks", "10주", {"period": 50}),
        Preset("Quarter", "3개월", {"period": 63}),
    ),
    define=define,
)
