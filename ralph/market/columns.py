"""Daily bars as long columns (one row a bar), and the Panel built from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.panel import HALTED, NO_BAR, FloatArray, Panel
from ralph.market.symbol import Listing


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


def build_panel(
    bars: BarColumns,
    *,
    workspace: str = "file",
    simulated: bool = False,
    data_version: str = "0",
) -> Panel:
    """The Panel of these bars. Bars without trade (volume 0) are compacted away; the dates present are the Sessions."""
    symbol_count = len(bars.listings)
    sessions, session = np.unique(bars.day, return_inverse=True)
    traded = bars.volume > 0
    count = np.bincount(bars.symbol[traded], minlength=symbol_count)
    height = int(count.max(initial=0))
    rows = np.full((sessions.size, symbol_count), NO_BAR, dtype=np.int32)
    rows[session, bars.symbol] = HALTED
    column = bars.symbol[traded]
    # Sorted by symbol, so a bar's place within its Symbol is its place among all traded bars less those before it.
    before = np.concatenate(([0], np.cumsum(count)[:-1])) if symbol_count else np.empty(0, dtype=np.int64)
    row = (np.arange(column.size) - before[column] + height - count[column]).astype(np.int32)
    rows[session[traded], column] = row
    fields = {}
    for name in ("open", "high", "low", "close", "volume"):
        fields[name] = _spread(getattr(bars, name)[traded], row, column, (height, symbol_count))
    value = np.where(np.isnan(bars.value), bars.close * bars.volume, bars.value)
    fields["value"] = _spread(value[traded], row, column, (height, symbol_count))
    flags = np.zeros((height, symbol_count), dtype=np.uint8)
    flags[row, column] = bars.flags[traded]
    return Panel(
        listings=bars.listings,
        sessions=sessions,
        rows=rows,
        first=(height - count).astype(np.int32),
        fields=fields,
        flags=flags,
        workspace=workspace,
        simulated=simulated,
        data_version=data_version,
    )


def _spread(
    values: FloatArray, row: NDArray[np.int32], column: NDArray[np.int32], shape: tuple[int, int]
) -> FloatArray:
    spread = np.full(shape, np.nan)
    spread[row, column] = values
    return spread
