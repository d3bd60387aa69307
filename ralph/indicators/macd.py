"""Moving average convergence and divergence."""

from __future__ import annotations

from ralph import kernels
from ralph.indicators.indicator import (
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


def _periods(mode: Mode, params: Params) -> tuple[int, int, int]:
    fast, slow, signal = period(params, "fast"), period(params, "slow"), period(params, "signal")
    # TA-Lib takes the shorter period for the fast one, whichever way they are given.
    return (min(fast, slow), max(fast, slow), signal) if mode == "talib" else (fast, slow, signal)


def first(mode: Mode, params: Params) -> dict[str, int]:
    fast, slow, signal = _periods(mode, params)
    both = max(fast, slow) - 1
    line = both + signal - 1
    return {"macd": line if mode == "talib" else both, "signal": line, "hist": line}


def reach(tail: int, mode: Mode, params: Params) -> None:
    return None


def _named(lines: FloatArray) -> Outputs:
    return {"macd": lines[0], "signal": lines[1], "hist": lines[2]}


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    source = plain(inputs, "source")
    return _named(kernels.convergence.macd_series(source, *_periods(mode, params), together=mode == "talib"))


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    source, together = plain(inputs, "source"), mode == "talib"
    return _named(
        kernels.convergence.macd_last(source, first_row, *_periods(mode, params), together=together, tail=tail)
    )


MACD = Indicator(
    name="macd",
    category="momentum",
    en="Distance between a fast and a slow exponential mean, and its signal line",
    ko="빠른 지수 평균과 느린 지수 평균의 차이와 신호선",
    inputs=("source",),
    params=(Param("fast", 12), Param("slow", 26), Param("signal", 9)),
    outputs=("macd", "signal", "hist"),
    unit="price",
    formula_source="Appel: EMA(fast) - EMA(slow), EMA(signal) of it, and their difference",
    first=first,
    reach=reach,
    series=series,
    last=last,
    source="close",
)
