"""Highest value of a window."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"highest": period(params) - 1}


def reach(tail: int, mode: Mode, params: Params) -> int:
    return tail + period(params) - 1


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"highest": kernels.extremes.highest_series(plain(inputs, "source"), period(params))}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    return {"highest": kernels.extremes.highest_last(plain(inputs, "source"), first_row, period(params), tail)}


HIGHEST = Indicator(
    name="highest",
    category="price",
    en="Highest of the newest values",
    ko="최근 구간의 최고값",
    inputs=("source",),
    params=(Param(PERIOD, 20),),
    outputs=("highest",),
    unit="price",
    formula_source="maximum of the newest n values, the current one included",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="high",
)
