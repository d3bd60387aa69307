"""Daily bars as long columns (one row a bar), and the Panel built from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.panel import HALTED, NO_BAR, FloatArray, IntArray, Panel
from ralph.market.symbol import Listing

Number = TypeVar("Number", bound=np.generic)

_BLOCK_SYMBOLS = 64  # turned from symbol-major to time-major at a time: 1 MB at 2,500 bars, which a cache holds


@dataclass(frozen=True, eq=False)
class BarColumns:
    """Daily bars of many Symbols, sorted by (symbol, day), no key twice; every array has one element a bar.

    listings  the Symbols, in order of code
    symbol    int32: index into `listings`
    day       datetime64[D]: the Session
    open..close  float64, won, back-adjusted; volume in shares; value in won traded (NaN where the source has none)
    flags     uint8: `Flag` bits
    """

    listings: tuple[Listing, ...]
    symbol: NDArray[np.int32]
    day: NDArray[np.datetime64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    value: FloatArray
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.symbol.shape[0])

    def value_traded(self) -> FloatArray:
        """`value`, and close x volume where the source has none."""
        return np.where(np.isnan(self.value), self.close * self.volume, self.value)


def build_panel(
    bars: BarColumns,
    *,
    workspace: str = "file",
    simulated: bool = False,
    data_version: str = "0",
) -> Panel:
    """The Panel of these bars. Bars without trade (volume 0) are compacted away; the dates present are the Sessions."""
    symbol_count = len(bars.listings)
    starts = np.searchsorted(bars.symbol, np.arange(symbol_count + 1))
    traded = bars.volume > 0
    count = np.bincount(bars.symbol[traded], minlength=symbol_count)
    height = int(count.max(initial=0))
    first = (height - count).astype(np.int32)
    sessions, session = sessions_of(bars.day)
    spread = _Spread(starts, traded, height)
    fields = {name: spread.fill(getattr(bars, name), np.nan) for name in ("open", "high", "low", "close", "volume")}
    fields["value"] = spread.fill(bars.value_traded(), np.nan)
    return Panel(
        listings=bars.listings,
        sessions=frozen(sessions),
        rows=_rows(starts, traded, first, session, sessions.size),
        first=frozen(first),
        fields=fields,
        flags=spread.fill(bars.flags, 0),
        workspace=workspace,
        simulated=simulated,
        data_version=data_version,
    )


def sessions_of(day: NDArray[np.datetime64]) -> tuple[NDArray[np.datetime64], IntArray]:
    """The distinct days in order, and the index of each bar's day among them."""
    if day.size == 0:
        return np.empty(0, dtype="datetime64[D]"), np.empty(0, dtype=np.int32)
    number = day.astype("datetime64[D]").view(np.int64)
    earliest = int(number.min())
    # Counting beats sorting: 7 million bars lie on a few thousand days.
    seen = np.zeros(int(number.max()) - earliest + 1, dtype=np.bool_)
    offset = number - earliest
    seen[offset] = True
    sessions = (np.flatnonzero(seen) + earliest).astype("datetime64[D]")
    rank: IntArray = (np.cumsum(seen) - 1).astype(np.int32)
    return sessions, rank[offset]


def frozen(array: NDArray[Number]) -> NDArray[Number]:
    """The same array, closed to writing."""
    array.flags.writeable = False
    return array


class _Spread:
    """Turns long columns into time-major ones, each Symbol's traded bars pushed to the end."""

    def __init__(self, starts: NDArray[np.int64], traded: NDArray[np.bool_], height: int) -> None:
        self._starts = starts.tolist()
        self._traded = traded
        self._height = height

    def fill(self, values: NDArray[Number], empty: float) -> NDArray[Number]:
        """[height, symbols], `empty` above each Symbol's first bar."""
        symbols = len(self._starts) - 1
        filled = np.empty((self._height, symbols), dtype=values.dtype)
        for left in range(0, symbols, _BLOCK_SYMBOLS):
            right = min(left + _BLOCK_SYMBOLS, symbols)
            block = np.full((right - left, self._height), empty, dtype=values.dtype)
            for column in range(left, right):
                span = slice(self._starts[column], self._starts[column + 1])
                kept = values[span][self._traded[span]]
                block[column - left, self._height - kept.size :] = kept
            filled[:, left:right] = block.T
        return frozen(filled)


def _rows(
    starts: NDArray[np.int64], traded: NDArray[np.bool_], first: IntArray, session: IntArray, session_count: int
) -> IntArray:
    symbols = first.size
    rows = np.empty((session_count, symbols), dtype=np.int32)
    for left in range(0, symbols, _BLOCK_SYMBOLS):
        right = min(left + _BLOCK_SYMBOLS, symbols)
        block = np.full((right - left, session_count), NO_BAR, dtype=np.int32)
        for column in range(left, right):
            span = slice(starts[column], starts[column + 1])
            place = np.cumsum(traded[span]) + (first[column] - 1)
            block[column - left, session[span]] = np.where(traded[span], place, HALTED)
        rows[:, left:right] = block.T
    return frozen(rows)
