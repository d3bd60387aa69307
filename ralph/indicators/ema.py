"""Exponential moving average."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import (
    PERIOD,
    Arrays,
    FloatArray,
    Indicator,
    IntArray,
    Mode,
    Outputs,
    Param,
    Params,
    period,
    plain,
)


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"ema": period(params) - 1}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def _table(params: Params) -> FloatArray:
    return kernels.smoothing.mean_table(period(params), 2.0 / (period(params) + 1))


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"ema": kernels.smoothing.mean_series(plain(inputs, "source"), _table(params), period(params))}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    source = plain(inputs, "source")
    return {"ema": kernels.smoothing.mean_last(source, first_row, _table(params), period(params), tail)}


EMA = Indicator(
    name="ema",
    category="average",
    en="Exponential mean, the newest weighing most",
    ko="최근 값에 무게를 더 두는 지수 평균",
    inputs=("source",),
    params=(Param(PERIOD, 20),),
    outputs=("ema",),
    unit="price",
    formula_source="seeded with the mean of the first n values, then 2/(n+1) of each new one",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
