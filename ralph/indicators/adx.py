"""Average directional index, with the two lines it is made of."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain

INPUTS = ("high", "low", "close")
OUTPUTS = ("adx", "plus_di", "minus_di")


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"adx": 2 * period(params) - 1, "plus_di": period(params), "minus_di": period(params)}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def _terms(mode: Mode, params: Params) -> int:
    """TA-Lib's sums begin with one movement less than the period; both publish on the same bar."""
    return period(params) - (mode == "talib")


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    high, low, close = (plain(inputs, name) for name in INPUTS)
    lines = kernels.direction.adx_series(high, low, close, period(params), _terms(mode, params))
    return dict(zip(OUTPUTS, lines, strict=True))


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    high, low, close = (plain(inputs, name) for name in INPUTS)
    lines = kernels.direction.adx_last(high, low, close, first_row, period(params), _terms(mode, params), tail)
    return dict(zip(OUTPUTS, lines, strict=True))


ADX = Indicator(
    name="adx",
    category="trend",
    en="Strength of the trend, and the shares of rising and falling movement, 0 to 100",
    ko="추세의 강도와 상승·하락 움직임의 비중, 0에서 100",
    inputs=INPUTS,
    params=(Param(PERIOD, 14),),
    outputs=OUTPUTS,
    unit="percent",
    formula_source="Wilder 1978: directional movement over true range, and how one-sided it is",
    first=first,
    reach=reach,
    series=series,
    last=last,
)
