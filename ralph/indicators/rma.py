"""Wilder's moving average."""

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
    return {"rma": period(params) - 1}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def _table(params: Params) -> FloatArray:
    return kernels.smoothing.mean_table(period(params), 1.0 / period(params))


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"rma": kernels.smoothing.mean_series(plain(inputs, "source"), _table(params), period(params))}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    source = plain(inputs, "source")
    return {"rma": kernels.smoothing.mean_last(source, first_row, _table(params), period(params), tail)}


RMA = Indicator(
    name="rma",
    category="average",
    en="Wilder's mean, a slower exponential one",
    ko="와일더 평균, 느린 지수 평균",
    inputs=("source",),
    params=(Param(PERIOD, 14),),
    outputs=("rma",),
    unit="price",
    formula_source="Wilder 1978: seeded with the mean of the first n values, then 1/n of each new one",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
