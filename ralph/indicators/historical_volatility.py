"""Historical volatility."""

from __future__ import annotations

import math

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, deviation, log


def define(mode: Mode, params: Params) -> Terms:
    bars = period(params)
    year = 100.0 * math.sqrt(params["bars_of_year"] * bars / (bars - 1))
    return {"historical_volatility": year * deviation(log(SOURCE / SOURCE[1]), bars)}


HISTORICAL_VOLATILITY = Indicator(
    name="historical_volatility",
    category="volatility",
    en="Historical volatility: standard deviation of log returns, in percent a year",
    ko="역사적 변동성: 로그 수익률의 표준편차, 연율 퍼센트",
    params=(Param(PERIOD, 20, low=2), Param("bars_of_year", 252, high=100_000)),
    outputs=("historical_volatility",),
    unit="percent",
    formula_source="100 x sample standard deviation of ln(x / x before) x root of the bars of a year",
    define=define,
    source="close",
    presets=(
        Preset("Month", "한 달", {"period": 20, "bars_of_year": 252}),
        Preset("Quarter", "한 분기", {"period": 60, "bars_of_year": 252}),
        Preset("Year", "한 해", {"period": 250, "bars_of_year": 252}),
    ),
)
