"""Lowest value of a window."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"lowest": period(params) - 1}


def reach(tail: int, mode: Mode, params: Params) -> int:
    return tail + period(params) - 1


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"lowest": kernels.extremes.lowest_series(plain(inputs, "source"), period(params))}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    return {"lowest": kernels.extremes.lowest_last(plain(inputs, "source"), first_row, period(params), tail)}


LOWEST = Indicator(
    name="lowest",
    category="price",
    en="Lowest of the newest values",
    ko="최근 구간의 최저값",
    inputs=("source",),
    params=(Param(PERIOD, 20),),
    outputs=("lowest",),
    unit="price",
    formula_source="minimum of the newest n values, the current one included",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="low",
)
