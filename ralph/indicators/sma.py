"""Simple moving average."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"sma": period(params) - 1}


def reach(tail: int, mode: Mode, params: Params) -> int:
    return tail + period(params) - 1


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"sma": kernels.windows.mean_series(plain(inputs, "source"), period(params))}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    return {"sma": kernels.windows.mean_last(plain(inputs, "source"), first_row, period(params), tail)}


SMA = Indicator(
    name="sma",
    category="average",
    en="Mean of the newest values",
    ko="최근 값들의 단순 평균",
    inputs=("source",),
    params=(Param(PERIOD, 20),),
    outputs=("sma",),
    unit="price",
    formula_source="sum of the newest n values / n",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
