"""A Panel grown by one Session, without reading the bars before it again."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns, frozen
from ralph.market.panel import FIELDS, HALTED, NO_BAR, IntArray, Panel
from ralph.market.symbol import Listing

Number = TypeVar("Number", bound=np.generic)


def append(panel: Panel, bars: BarColumns, *, data_version: str) -> Panel:
    """The Panel with one more Session: the same, bit by bit, as `build_panel` of all bars.

    `bars` are those of a single Session, newer than all of the Panel; its listings replace those of the same Symbol and
    add new Symbols. Corrections of older bars need a rebuild.
    """
    days = np.unique(bars.day)
    assert days.size == 1, "one Session is appended at a time"
    assert panel.sessions.size == 0 or days[0] > panel.sessions[-1], "only a newer Session can be appended"
    growth = _Growth(panel, bars)
    values = {name: bars.value_traded() if name == "value" else getattr(bars, name) for name in FIELDS}
    return replace(
        panel,
        listings=growth.listings,
        sessions=frozen(np.append(panel.sessions, days.astype("datetime64[D]"))),
        rows=growth.rows(panel.rows),
        first=growth.first,
        fields={name: growth.grow(panel.fields[name], values[name], np.nan) for name in FIELDS},
        flags=growth.grow(panel.flags, bars.flags, 0),
        data_version=data_version,
        _views={},
    )


class _Growth:
    """Where every column and bar of the older Panel stands in the newer one."""

    def __init__(self, panel: Panel, bars: BarColumns) -> None:
        self.listings, self._kept = _merge(panel.listings, bars.listings)
        at = {listing.symbol: column for column, listing in enumerate(self.listings)}
        named = np.array([at[listing.symbol] for listing in bars.listings], dtype=np.int64)
        self._columns = named[bars.symbol]
        self._traded = bars.volume > 0
        trades = np.zeros(len(self.listings), dtype=np.bool_)
        trades[self._columns[self._traded]] = True
        height = panel.bar_count
        count = np.zeros(len(self.listings), dtype=np.int64)
        count[self._kept] = height - panel.first
        count += trades
        self._height = int(count.max(initial=0))
        # An older bar of row r is now in row r + moved: one up where a new bar comes below it, one down where the
        # Panel became taller; mostly both or neither, so that whole rows can be copied.
        self._moved = (self._height - height) - trades[self._kept].astype(np.int32)
        self.first: IntArray = frozen((self._height - count).astype(np.int32))

    def grow(self, older: NDArray[Number], newest: NDArray[Number], empty: float) -> NDArray[Number]:
        """A field [bars, symbols] with the new Session's values below the older ones."""
        grown = np.empty((self._height, len(self.listings)), dtype=older.dtype)
        usual = 0 if 2 * np.count_nonzero(self._moved) <= self._moved.size else int(_other(self._moved))
        self._copy(older, grown, usual, empty)
        unusual = np.flatnonzero(self._moved != usual)
        if unusual.size:
            moved = int(_other(self._moved)) if usual == 0 else 0
            lines = np.full((self._height, unusual.size), empty, dtype=older.dtype)
            _place(older[:, unusual], lines, moved)
            grown[:, self._kept[unusual]] = lines
        if newest.size:
            grown[-1, self._columns[self._traded]] = newest[self._traded] if self._height else grown[-1:0, 0]
        return frozen(grown)
