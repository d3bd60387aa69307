"""A Panel with a Session that is not over: its bars so far are laid below it, again and again, in the same memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.market.append import append
from ralph.market.columns import BarColumns
from ralph.market.panel import FIELDS, Panel
from ralph.market.periods import Frame, RunningPeriods
from ralph.market.symbol import Listing, Symbol
from ralph.market.view import NO_BAR

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]


class SoFar(NamedTuple):
    """The Session's bars so far: `symbol` [bars] places in the universe, prices as traded; at UTC nanoseconds."""

    at: int
    symbol: IndexArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    value: FloatArray


class RunningPanel:
    """`lay` writes into what it gave before, and keeps of what was derived from it all that is still so: one reader,
    who is done with the last one when the next comes."""

    def __init__(self, panel: Panel, on: date, universe: Sequence[str]) -> None:
        assert panel.sessions.size == 0 or panel.sessions[-1] < np.datetime64(on, "D"), "a Session to come"
        self._panel = panel
        self._on = np.datetime64(on, "D")
        self._listings = tuple(
            panel.listings[panel.columns[Symbol(code)]] if Symbol(code) in panel.columns else Listing(Symbol(code))
            for code in universe
        )
        self._grown: Panel | None = None
        self._column = np.zeros(0, dtype=np.int64)
        self._is_laid = np.zeros(0, dtype=np.bool_)
        self._periods: dict[Frame, RunningPeriods] = {}

    def prepared(self) -> Panel | None:
        """What was laid last. At first that is as if everybody traded who did on the Session before, or never did, at
        what that closed with: what comes is laid into this, which takes a tenth of the time. None: nobody would."""
        if self._grown is not None:
            return self._grown
        older = self._panel
        column = np.array([older.columns.get(listing.symbol, -1) for listing in self._listings], dtype=np.int64)
        close = np.ones(column.size)
        is_expected = column < 0
        if older.bar_count:
            known = np.flatnonzero(column >= 0)
            is_expected[known] = older.rows[-1, column[known]] >= 0
            close[known] = older.fields["close"][-1, column[known]]
        symbol = np.flatnonzero(is_expected)
        one = close[symbol]
        return self.lay(SoFar(0, symbol, one, one, one, one, np.ones(symbol.size), one)) if symbol.size else None

    def lay(self, bars: SoFar) -> Panel:
        """The Panel with these bars as its newest Session."""
        grown = self._grown
        if grown is None:
            return self._lay_all(bars)
        column = self._column[bars.symbol]
        if (column < 0).any():  # a Symbol that is not a column yet
            return self._lay_all(bars)
        is_there = np.zeros(self._is_laid.size, dtype=np.bool_)
        is_there[column] = True
        begun = np.flatnonzero(is_there & ~self._is_laid)
        taken_back = np.flatnonzero(self._is_laid & ~is_there)
        moved = np.concatenate((begun, taken_back))
        # A Symbol that has an action today, or fills its column: everything is laid anew.
        if (grown.first[begun] == 0).any() or self._acts(moved):
            return self._lay_all(bars)
        self._move(grown, begun, taken_back)
        grown.rewritten(moved)
        for name in FIELDS:
            grown.fields[name][-1, column] = getattr(bars, name)
        for periods in self._periods.values():
            periods.rewritten(grown.session_of, moved)
        return grown

    def periods(self, frame: Frame) -> RunningPeriods:
        """The weeks or months of what was laid last, of all columns and rows."""
        grown = self._grown
        assert grown is not None, "nothing was laid yet"
        found = self._periods.get(frame)
        if found is None:
            found = self._periods[frame] = RunningPeriods(grown.session_of, grown.sessions, frame)
        return found

    def _acts(self, columns: IndexArray) -> bool:
        day = self._on.astype(object)
        grown = self._grown
        assert grown is not None
        return any(action.on == day and grown.columns.get(action.symbol) in columns for action in self._panel.actions)

    def _lay_all(self, bars: SoFar) -> Panel:
        present = tuple(self._listings[place] for place in bars.symbol.tolist())
        order = sorted(range(len(present)), key=lambda at: present[at].symbol)
        rows = np.array(order, dtype=np.int64)
        columns = BarColumns(
            listings=tuple(present[at] for at in order),
            symbol=np.arange(rows.size, dtype=np.int32),
            day=np.full(rows.size, self._on),
            **{name: getattr(bars, name)[rows].astype(np.float64) for name in FIELDS},
            flags=np.zeros(rows.size, dtype=np.uint8),
        )
        grown = append(self._panel, columns, data_version=f"{self._panel.data_version}+")
        for values in grown.fields.values():
            values.flags.writeable = True
        for array in (grown.rows, grown.first):
            array.flags.writeable = True
        grown.flags.flags.writeable = True
        self._grown = grown
        self._periods = {}
        self._column = np.array([grown.columns.get(listing.symbol, -1) for listing in self._listings], dtype=np.int64)
        self._is_laid = grown.rows[-1] >= 0
        return grown

    def _move(self, grown: Panel, begun: IndexArray, taken_back: IndexArray) -> None:
        """Who trades for the first time today: the older bars go one up. Who does not after all: down."""
        for values, empty, newest in grown.of_bars():
            if begun.size:
                values[:-1, begun] = values[1:, begun]
                values[-1, begun] = newest
            if taken_back.size:
                values[1:, taken_back] = values[:-1, taken_back]
                values[0, taken_back] = empty
        for columns, by, newest in ((begun, -1, grown.bar_count - 1), (taken_back, 1, NO_BAR)):
            older = grown.rows[:-1, columns]
            grown.rows[:-1, columns] = np.where(older >= 0, older + by, older)
            grown.rows[-1, columns] = newest
            grown.first[columns] += by
            self._is_laid[columns] = by < 0
