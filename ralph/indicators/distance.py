"""Distance from a moving average."""

from __future__ import annotations

from ralph.indicators.indicator import PERIOD, Indicator, Mode, Param, Params, Preset, Terms, period
from ralph.indicators.terms import SOURCE, ema, mean, weighted_mean

AVERAGES = {"sma": mean, "ema": ema, "wma": weighted_mean}


def define(mode: Mode, params: Params) -> Terms:
    share = SOURCE / AVERAGES[str(params["average"])](SOURCE, period(params))
    return {"distance": 100.0 * (share - 1.0), "disparity": 100.0 * share}


DISTANCE = Indicator(
    name="distance",
    category="average",
    en="Percent above (or below) a moving average, and in percent of it (disparity)",
    ko="이동평균에서 떨어진 거리(퍼센트)와 이격도",
    params=(Param(PERIOD, 20), Param("average", "sma", choices=tuple(AVERAGES))),
    outputs=("distance", "disparity"),
    unit="percent",
    formula_source="100 (x / average - 1) and 100 x / average",
    define=define,
    source="close",
    presets=(
        Preset("Month", "한 달", {"period": 20}),
        Preset("Quarter", "한 분기", {"period": 60}),
        Preset("200 days", "200일", {"period": 200}),
    ),
)
