"""Stochastic oscillator."""

from __future__ import annotations

import math

import numpy as np

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

# Without a range there is no place in it; TA-Lib says 0.
FLAT = {"tv": math.nan, "talib": 0.0}


def first(mode: Mode, params: Params) -> dict[str, int]:
    raw = period(params) - 1
    k = raw + period(params, "smooth_k") - 1
    d = k + period(params, "smooth_d") - 1
    return {"k": d if mode == "talib" else k, "d": d, "raw": raw}


def _smoothing(params: Params) -> int:
    """How many rows of raw positions more than its own a row of `d` needs."""
    return period(params, "smooth_k") + period(params, "smooth_d") - 2


def reach(tail: int, mode: Mode, params: Params) -> int:
    return tail + period(params) - 1 + _smoothing(params)


def series(inputs: Arrays, mode: Mode, params: Params) -> Outputs:
    lowest = kernels.extremes.lowest_series(plain(inputs, "low"), period(params))
    highest = kernels.extremes.highest_series(plain(inputs, "high"), period(params))
    raw = kernels.stochastic.position(plain(inputs, "close"), lowest, highest, FLAT[mode])
    k = kernels.windows.mean_series(raw, period(params, "smooth_k"))
    return _named(mode, k, kernels.windows.mean_series(k, period(params, "smooth_d")), raw)


def last(inputs: Arrays, first_row: IntArray, tail: int, mode: Mode, params: Params) -> Outputs:
    close = plain(inputs, "close")
    rows = min(close.shape[0], tail + _smoothing(params))
    lowest = kernels.extremes.lowest_last(plain(inputs, "low"), first_row, period(params), rows)
    highest = kernels.extremes.highest_last(plain(inputs, "high"), first_row, period(params), rows)
    raw = kernels.stochastic.position(close[close.shape[0] - rows :], lowest, highest, FLAT[mode])
    # Rows before a column's first are NaN by now, so the means need not be told where it begins.
    begin = np.zeros_like(first_row)
    k = kernels.windows.mean_last(raw, begin, period(params, "smooth_k"), tail + period(params, "smooth_d") - 1)
    d = kernels.windows.mean_last(k, begin, period(params, "smooth_d"), tail)
    if rows < tail:
        raw = np.concatenate([np.full((tail - rows, raw.shape[1]), np.nan), raw])
    return _named(mode, k[k.shape[0] - tail :], d, raw[raw.shape[0] - tail :])


def _named(mode: Mode, k: FloatArray, d: FloatArray, raw: FloatArray) -> Outputs:
    """TA-Lib publishes `k` only together with `d`."""
    return {"k": np.where(np.isnan(d), np.nan, k) if mode == "talib" else k, "d": d, "raw": raw}


STOCH = Indicator(
    name="stoch",
    category="momentum",
    en="Where the close stands in the recent range, 0 to 100, smoothed (k), and smoothed again (d)",
    ko="최근 범위에서 종가의 위치, 0에서 100, 한 번(k)과 두 번(d) 평균",
    inputs=("high", "low", "close"),
    params=(Param(PERIOD, 14), Param("smooth_k", 3), Param("smooth_d", 3)),
    outputs=("k", "d", "raw"),
    unit="percent",
    formula_source="Lane: 100 (close - lowest) / (highest - lowest), its mean, and the mean of that",
    first=first,
    reach=reach,
    series=series,
    last=last,
)
