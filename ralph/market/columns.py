"""Daily bars as long columns (one row a bar), and the Panel built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.errors import DataNotFound
from ralph.market.adjustment import (
    ADJUSTED,
    Action,
    PanelRows,
    Raw,
    Steps,
    adjusted,
    in_effect,
    mark_jumps,
    steps_of,
)
from ralph.market.flags import RAW
from ralph.market.folding import Folded
from ralph.market.panel import FIELDS, FloatArray, IntArray, Panel
from ralph.market.symbol import Listing
from ralph.market.view import HALTED, NO_BAR

Number = TypeVar("Number", bound=np.generic)

BAR_COLUMNS = ("symbol", "day", "open", "high", "low", "close", "volume", "value", "flags")
"""The arrays of BarColumns, in its order."""


@dataclass(frozen=True, eq=False)
class BarColumns:
    """Daily bars of many Symbols by (symbol, day), no key twice; every array has one element a bar.

    listings  the Symbols, in order of code
    symbol    int32: index into `listings`
    day       datetime64[D]: the Session
    open..close  float64, won, back-adjusted unless the flag RAW is set; volume in shares; value in won traded (NaN
              where the source has none)
    flags     uint8: `Flag` bits, and RAW
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

    def traded(self, until: date | None = None) -> BarColumns:
        """The bars with trade up to a day, that day included. DataNotFound where there is none."""
        traded = self.volume > 0
        if until is not None:
            traded &= self.day <= np.datetime64(until)
        if not traded.any():
            days = self.day[self.volume > 0]
            known = f"; the first is of {days.min()}" if days.size else ""
            raise DataNotFound(f"there is no bar with trade up to {until or 'now'}{known}", field="as_of")
        return BarColumns(self.listings, *(getattr(self, name)[traded] for name in BAR_COLUMNS))

    def prices(self) -> dict[str, FloatArray]:
        """What indicators read, by name: {field: [bars]}."""
        return {name: getattr(self, name) for name in ("open", "high", "low", "close", "volume")}


def build_panel(
    bars: BarColumns,
    *,
    actions: Sequence[Action] = (),
    workspace: str = "file",
    simulated: bool = False,
    data_version: str = "0",
) -> Panel:
    """The Panel of these bars, which may come in any order. The dates present are the Sessions.

    Bars without trade (volume 0) are compacted away; raw ones are adjusted by the actions.
    """
    layout = Layout(bars, actions)
    return Panel(
        listings=bars.listings,
        sessions=layout.sessions,
        rows=layout.rows,
        first=layout.first,
        fields={name: layout.field(name) for name in FIELDS},
        flags=layout.flags(),
        workspace=workspace,
        simulated=simulated,
        data_version=data_version,
        actions=layout.actions,
        raw=layout.raw,
    )


class Layout:
    """Where each of these bars stands in their Panel; fields are made one at a time, for who stores them so."""

    def __init__(self, bars: BarColumns, actions: Sequence[Action] = ()) -> None:
        symbols = len(bars.listings)
        self.listings = bars.listings
        self.actions = tuple(sorted(actions))
        self._bars = bars
        self._traded = bars.volume > 0
        sessions, session = sessions_of(bars.day)
        self.sessions = frozen(sessions)
        cell = session.astype(np.int64)
        cell *= symbols
        cell += bars.symbol
        rows = np.full((sessions.size, symbols), NO_BAR, dtype=np.int32)
        rows.reshape(-1)[cell] = np.where(self._traded, np.int32(0), np.int32(HALTED))
        count = np.count_nonzero(rows == 0, axis=0)
        height = int(count.max(initial=0))
        self._shape = (height, symbols)
        self.first: IntArray = frozen((height - count).astype(np.int32))
        _number(rows, self.first)
        self.rows: IntArray = frozen(rows)
        # Of a bar without trade the cell behind the last: nothing need be left out when fields are made.
        self._place = rows.reshape(-1)[cell].astype(np.int64)
        self._place *= symbols
        self._place += bars.symbol
        self._place[~self._traded] = height * symbols
        self.raw, self._raw_flags, self._steps = self._find_raw()

    def field(self, name: str) -> FloatArray:
        """A field [bars, symbols], NaN above each Symbol's first bar."""
        values = self._bars.value_traded() if name == "value" else getattr(self._bars, name)
        spread = self._spread(values, np.nan)
        if name in ADJUSTED and self.raw.columns.size:
            factors = self._steps.factors(self._raw_flags & RAW > 0, self.sessions[-1])
            spread[:, self.raw.columns] = adjusted(name, self.raw.fields[name], factors).T
        return frozen(spread)

    def flags(self) -> NDArray[np.uint8]:
        """The flags [bars, symbols], 0 above each Symbol's first bar."""
        spread = self._spread(self._bars.flags, 0)
        if self.raw.columns.size:
            flags = self._raw_flags.copy()
            first = self.first[self.raw.columns]
            mark_jumps(flags, self.raw.fields["close"], first, self._steps, self.sessions[-1])
            spread[:, self.raw.columns] = flags.T
        return frozen(spread)

    def _find_raw(self) -> tuple[Raw, NDArray[np.uint8], Steps]:
        """The raw bars that actions change, their flags as they came, and where the actions cut them."""
        bars, (height, symbols) = self._bars, self._shape
        place = {listing.symbol: column for column, listing in enumerate(bars.listings)}
        acted = in_effect(self.actions, place, self.sessions[-1]) if self.sessions.size else np.empty(0, np.int64)
        is_acted = np.zeros(symbols, dtype=np.bool_)
        is_acted[acted] = True
        at = np.flatnonzero(self._traded & is_acted[bars.symbol]) if acted.size else np.empty(0, np.int64)
        columns = np.unique(bars.symbol[at[bars.flags[at] & RAW > 0]]).astype(np.int64)
        at = at[np.isin(bars.symbol[at], columns)]
        rank, row = np.searchsorted(columns, bars.symbol[at]), self._place[at] // max(symbols, 1)
        fields = {name: np.full((columns.size, height), np.nan) for name in ADJUSTED}
        for name, values in fields.items():
            values[rank, row] = getattr(bars, name)[at]
            frozen(values)
        flags = np.zeros((columns.size, height), dtype=np.uint8)
        flags[rank, row] = bars.flags[at]
        ranks = {bars.listings[column].symbol: at_raw for at_raw, column in enumerate(columns.tolist())}
        steps = steps_of(self.actions, ranks, columns, PanelRows(self.sessions, self.rows, height))
        return Raw(frozen(columns), fields), flags, steps

    def _spread(self, values: NDArray[Number], empty: float) -> NDArray[Number]:
        height, symbols = self._shape
        spread = np.full(height * symbols + 1, empty, dtype=values.dtype)
        spread[self._place] = values
        return spread[:-1].reshape(self._shape)


def adjust_bars(bars: BarColumns, actions: Sequence[Action], until: np.datetime64) -> BarColumns:
    """One Symbol's bars by day, halted ones among them, as known on a day: raw ones adjusted, RAW taken off."""
    return replace(bars, **adjusted_line(bars, bars.day, actions, until))


def adjusted_line(
    bars: Folded, day: NDArray[np.datetime64], actions: Sequence[Action], until: np.datetime64
) -> dict[str, Any]:
    """What actions known on a day make of one Symbol's bars, whose days are given: the fields of ADJUSTED and flags."""
    known = sorted((action for action in actions if np.datetime64(action.on) <= until), reverse=True)
    days = np.array([action.on for action in known], dtype="datetime64[D]")
    ratios = np.array([action.ratio for action in known], dtype=np.float64)
    nowhere = np.zeros(len(known), dtype=np.int64)
    steps = Steps(nowhere, np.searchsorted(day, days), days, ratios)
    factors = steps.factors((bars.flags & RAW > 0)[np.newaxis], until)[0]
    traded = bars.volume > 0
    flags, marked = bars.flags.copy(), bars.flags[traded][np.newaxis].copy()
    trades = replace(steps, row=np.searchsorted(day[traded], days))
    mark_jumps(marked, bars.close[traded][np.newaxis], np.zeros(1, dtype=np.int32), trades, until)
    flags[traded] = marked[0]
    changed: dict[str, Any] = {name: adjusted(name, getattr(bars, name), factors) for name in ADJUSTED}
    return {**changed, "flags": flags & ~RAW}


def sorted_bars(bars: BarColumns) -> BarColumns:
    """The same bars by (symbol, day)."""
    sessions, session = sessions_of(bars.day)
    # Each bar is put at its own place of a grid, which is then read from end to end: a third of the time of a sort.
    grid = np.full(len(bars.listings) * sessions.size, -1, dtype=np.int32)
    grid[bars.symbol.astype(np.int64) * sessions.size + session] = np.arange(len(bars), dtype=np.int32)
    order = grid[grid >= 0]
    assert order.size == len(bars), "a key stands twice"
    return BarColumns(bars.listings, *(getattr(bars, name)[order] for name in BAR_COLUMNS))


def sessions_of(day: NDArray[np.datetime64]) -> tuple[NDArray[np.datetime64], IntArray]:
    """The distinct days in order, and the index of each bar's day among them."""
    if day.size == 0:
        return np.empty(0, dtype="datetime64[D]"), np.empty(0, dtype=np.int32)
    number = day.astype("datetime64[D]").view(np.int64)
    earliest = int(number.min())
    # Counting beats sorting: 7 million bars lie on a few thousand days.
    offset = number - earliest
    seen = np.zeros(int(offset.max()) + 1, dtype=np.bool_)
    seen[offset] = True
    sessions = (np.flatnonzero(seen) + earliest).astype("datetime64[D]")
    rank: IntArray = (np.cumsum(seen) - 1).astype(np.int32)
    return sessions, rank[offset]


def frozen(array: NDArray[Number]) -> NDArray[Number]:
    """The same array, closed to writing."""
    array.flags.writeable = False
    return array


def _number(rows: IntArray, first: IntArray) -> None:
    """Writes the row of every traded bar into the map, which holds 0 there: each Symbol counts its own, from its first
    row on."""
    following = first.copy()
    for line in rows:
        trades = line == 0
        np.copyto(line, following, where=trades)
        following += trades
