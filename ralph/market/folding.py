"""Folding runs of bars into one: first open, highest high, lowest low, last close, sums of volume and value."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ralph.market.panel import FloatArray

Indices = NDArray[np.intp]


class Folded(Protocol):
    """Columns of bars, daily or within a day."""

    @property
    def open(self) -> FloatArray: ...

    @property
    def high(self) -> FloatArray: ...

    @property
    def low(self) -> FloatArray: ...

    @property
    def close(self) -> FloatArray: ...

    @property
    def volume(self) -> FloatArray: ...

    @property
    def flags(self) -> NDArray[np.uint8]: ...

    def value_traded(self) -> FloatArray: ...


def runs(symbol: NDArray[np.int32], period: NDArray[np.datetime64]) -> Indices:
    """Where each run of equal (symbol, period) begins, in bars sorted by both."""
    if symbol.size == 0:
        return np.empty(0, dtype=np.intp)
    changed = (symbol[1:] != symbol[:-1]) | (period[1:] != period[:-1])
    return np.concatenate(([0], np.flatnonzero(changed) + 1)).astype(np.intp)


def fold(bars: Folded, used: Indices, starts: Indices) -> dict[str, NDArray[Any]]:
    """The columns of the bars made of each run: `used` are the bars looked at, in order, `starts` where runs begin.

    Where a source has no value, close x volume of each bar stands for it.
    """
    if not starts.size:
        prices = ("open", "high", "low", "close", "volume", "value")
        return {**{name: np.empty(0) for name in prices}, "flags": np.empty(0, dtype=np.uint8)}
    last = np.append(starts[1:], used.size) - 1
    return {
        "open": bars.open[used[starts]],
        "high": np.maximum.reduceat(bars.high[used], starts),
        "low": np.minimum.reduceat(bars.low[used], starts),
        "close": bars.close[used[last]],
        "volume": np.add.reduceat(bars.volume[used], starts),
        "value": np.add.reduceat(bars.value_traded()[used], starts),
        "flags": np.bitwise_or.reduceat(bars.flags[used], starts),
    }
