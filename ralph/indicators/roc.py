"""Rate of change."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE


def define(mode: Mode, params: Params) -> Terms:
    return {"roc": 100.0 * (SOURCE / SOURCE[period(params)] - 1.0)}


ROC = Indicator(
    name="roc",
    category="momentum",
    en="Change over n bars in percent",
    ko="n봉 동안의 변화율(%)",
    params=(Param(PERIOD, 10),),
    outputs=("roc",),
    unit="percent",
    formula_source="100 (x / x[n] - 1)",
    source="close",
    presets=(
        Preset("Week", "1주", {"period": 5}),
        Preset("Month", "1개월", {"period": 21}),
        Preset("Quarter", "3개월", {"period": 63}),
        Preset("Year", "1년", {"period": 252}),
    ),
    define=define,
)
