"""Relative strength index."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import PERIOD, Arrays, Indicator, IntArray, Mode, Outputs, Param, Params, period, plain

# Nothing has moved: Pine's script asks first whether there were no falls, TA-Lib whether there was no movement.
FLAT = {"tv": 100.0, "talib": 0.0}


def first(mode: Mode, params: Params) -> dict[str, int]:
    return {"rsi": period(params)}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    return {"rsi": kernels.strength.rsi_series(plain(inputs, "source"), period(params), FLAT[mode])}


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    source = plain(inputs, "source")
    return {"rsi": kernels.strength.rsi_last(source, first_row, period(params), FLAT[mode], tail)}


RSI = Indicator(
    name="rsi",
    category="momentum",
    en="Share of rises in the recent movement, 0 to 100",
    ko="최근 움직임 중 상승의 비중, 0에서 100",
    inputs=("source",),
    params=(Param(PERIOD, 14),),
    outputs=("rsi",),
    unit="percent",
    formula_source="Wilder 1978: 100 rises / (rises + falls), both smoothed by 1/n",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
