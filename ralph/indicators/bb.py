"""Bollinger bands."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain

OUTPUTS = ("middle", "upper", "lower")


def first(mode: Mode, params: Params) -> dict[str, int]:
    return dict.fromkeys(OUTPUTS, period(params) - 1)


def reach(tail: int, mode: Mode, params: Params) -> int:
    return tail + period(params) - 1


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    bands = kernels.spread.bands_series(plain(inputs, "source"), period(params), params["mult"])
    return dict(zip(OUTPUTS, bands, strict=True))


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    bands = kernels.spread.bands_last(plain(inputs, "source"), first_row, period(params), params["mult"], tail)
    return dict(zip(OUTPUTS, bands, strict=True))


BB = Indicator(
    name="bb",
    category="volatility",
    en="Bollinger bands: a mean and standard deviations above and below it",
    ko="볼린저 밴드: 평균과 그 위아래의 표준편차",
    inputs=("source",),
    params=(Param(PERIOD, 20), Param("mult", 2.0, low=0.001, high=50, whole=False)),
    outputs=OUTPUTS,
    unit="price",
    formula_source="Bollinger: mean of n values -+ mult population standard deviations",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
