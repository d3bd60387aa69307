"""Average true range."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain

INPUTS = ("high", "low", "close")


def first(mode: Mode, params: Params) -> dict[str, int]:
    # Pine counts the first bar's high - low; TA-Lib starts with the first bar that has a close before it.
    return {"atr": period(params) - (mode == "tv")}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    high, low, close = (plain(inputs, name) for name in INPUTS)
    return {"atr": kernels.ranges.atr_series(high, low, close, period(params), opening=mode == "tv")}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    high, low, close = (plain(inputs, name) for name in INPUTS)
    opening = mode == "tv"
    return {"atr": kernels.ranges.atr_last(high, low, close, first_row, period(params), opening=opening, tail=tail)}


ATR = Indicator(
    name="atr",
    category="volatility",
    en="Wilder's mean of the true range",
    ko="갭을 포함한 하루 변동폭의 와일더 평균",
    inputs=INPUTS,
    params=(Param(PERIOD, 14),),
    outputs=("atr",),
    unit="price",
    formula_source="Wilder 1978: mean, by 1/n, of the range of high, low and the close before",
    first=first,
    reach=reach,
    series=series,
    last=last,
)
