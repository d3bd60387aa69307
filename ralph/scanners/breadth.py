"""Breadth: how many Symbols of a market rise, stand above their means, or reach new extremes, as of a Session."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.view import View

FloatArray = NDArray[np.float64]

MEANS = (50, 200)
YEAR_BARS = 252


class Breadth(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of Symbols that traded; a share, 0 to 1, is None where no Symbol has bars enough."""

    symbols: int
    advancers: int
    decliners: int
    unchanged: int
    above_sma50: float | None
    above_sma200: float | None
    new_highs: int
    new_lows: int


def measure(view: View, columns: NDArray[np.int64]) -> Breadth:
    """Of the given columns. New highs and lows are beyond the YEAR_BARS bars before, strictly, by high and low."""
    columns = columns[view.traded[columns]]
    tail = min(view.height, YEAR_BARS + 1)
    high, low, close = (np.take(view.field(name)[-tail:], columns, axis=1) for name in ("high", "low", "close"))
    change = close[-1] - close[-2] if tail > 1 else np.full(columns.size, np.nan)
    whole = tail == YEAR_BARS + 1
    above = [_share_above(close, period) for period in MEANS]
    return Breadth(
        symbols=int(columns.size),
        advancers=int((change > 0).sum()),
        decliners=int((change < 0).sum()),
        unchanged=int((change == 0).sum()),
        above_sma50=above[0],
        above_sma200=above[1],
        new_highs=int((high[-1] > high[:-1].max(axis=0)).sum()) if whole else 0,
        new_lows=int((low[-1] < low[:-1].min(axis=0)).sum()) if whole else 0,
    )


def _share_above(close: FloatArray, period: int) -> float | None:
    """Of the Symbols with `period` bars; a missing bar (NaN) leaves a Symbol out."""
    if close.shape[0] < period:
        return None
    mean = close[-period:].mean(axis=0)
    known = ~np.isnan(mean)
    return float((close[-1, known] > mean[known]).mean()) if known.any() else None
