"""Percent rank."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, share_below


def define(mode: Mode, params: Params) -> Terms:
    return {"percent_rank": 100.0 * share_below(SOURCE, period(params))}


PERCENT_RANK = Indicator(
    name="percent_rank",
    category="structure",
    en="How many of the n values before are not above this one, in percent",
    ko="직전 n개 값 중 현재 값보다 크지 않은 값의 비율(%)",
    params=(Param(PERIOD, 100),),
    outputs=("percent_rank",),
    unit="percent",
    formula_source="100 (count of the n values before that are <= x) / n",
    source="close",
    presets=(
        Preset("Hundred bars", "100봉", {"period": 100}),
        Preset("Year", "1년", {"period": 252}),
        Preset("Month", "1개월", {"period": 21}),
    ),
    define=define,
)
