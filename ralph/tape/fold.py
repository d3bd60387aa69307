"""Folds prints into one bar a Symbol, in whatever order they come: all Symbols at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Ticks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LATEST = np.iinfo(np.int64).max


class Fold:
    """Bars [symbols] of all prints folded so far; where `count` is 0 there is no price (NaN).

    The open is the price of the first print by time and number, the close that of the last.
    """

    def __init__(self, symbols: int) -> None:
        self.open = np.full(symbols, np.nan)
        self.high = np.full(symbols, -np.inf)
        self.low = np.full(symbols, np.inf)
        self.close = np.full(symbols, np.nan)
        self.volume = np.zeros(symbols, dtype=np.int64)
        self.value = np.zeros(symbols)
        self.count = np.zeros(symbols, dtype=np.int64)
        self.closed_at = np.full(symbols, -1, dtype=np.int64)
        self._opened_at = np.full(symbols, _LATEST, dtype=np.int64)
        self._first = np.full(symbols, _LATEST, dtype=np.int64)
        self._last = np.full(symbols, -1, dtype=np.int64)

    def add(self, ticks: Ticks) -> IntArray:
        """Fold prints in; the Symbols that had any, in order."""
        if not len(ticks):
            return np.zeros(0, dtype=np.int64)
        order = np.lexsort((ticks.number, ticks.at, ticks.symbol))
        symbol, at, number = ticks.symbol[order], ticks.at[order], ticks.number[order]
        price, size = ticks.price[order], ticks.size[order]
        begins = np.flatnonzero(np.concatenate(([True], symbol[1:] != symbol[:-1])))
        ends = np.concatenate((begins[1:], [symbol.size])) - 1
        who = symbol[begins].astype(np.int64)
        self.high[who] = np.maximum(self.high[who], np.maximum.reduceat(price, begins))
        self.low[who] = np.minimum(self.low[who], np.minimum.reduceat(price, begins))
        self.volume[who] += np.add.reduceat(size, begins)
        self.value[who] += np.add.reduceat(price * size, begins)
        self.count[who] += ends - begins + 1
        is_first = _before(at[begins], number[begins], self._opened_at[who], self._first[who])
        first = who[is_first]
        self.open[first], self._opened_at[first] = price[begins[is_first]], at[begins[is_first]]
        self._first[first] = number[begins[is_first]]
        is_last = _before(self.closed_at[who], self._last[who], at[ends], number[ends])
        last = who[is_last]
        self.close[last], self.closed_at[last] = price[ends[is_last]], at[ends[is_last]]
        self._last[last] = number[ends[is_last]]
        return who


def _before(at: IntArray, number: IntArray, other_at: IntArray, other_number: IntArray) -> NDArray[np.bool_]:
    earlier: NDArray[np.bool_] = (at < other_at) | ((at == other_at) & (number < other_number))
    return earlier
