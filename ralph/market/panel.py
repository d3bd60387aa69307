"""The Panel: a whole market as time-major columns, and the view of it as of a Session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.errors import DataNotFound
from ralph.market.capital import Capital, market_caps
from ralph.market.roster import Roster
from ralph.market.symbol import Listing, Symbol

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)

FIELDS = ("open", "high", "low", "close", "volume", "value")
"""Prices in won (or the market's currency), volume in shares, value in won traded."""

NO_BAR = -1
HALTED = -2

# Views kept with their gathered columns, beside the one asked for; those made first are dropped.
AS_OF_VIEWS_MAX = 4
AS_OF_BYTES_MAX = 96 << 20


@dataclass(frozen=True, eq=False)
class Panel:
    """All daily bars of a workspace. Immutable: a new one replaces it, readers keep their reference.

    fields    float64 [bars, symbols] each; a column holds the Symbol's traded bars pushed to the end: its newest bar
              is in the last row, NaN stands above its first
    rows      int32 [sessions, symbols]: the row of a Symbol's bar of that Session; NO_BAR where it has none,
              HALTED where it has one without trade (volume 0)
    first     int32 [symbols]: the row of a Symbol's first bar (the number of rows where it has none)
    flags     uint8 [bars, symbols]: `Flag` bits of each bar
    capital   listed shares and market caps, as far as they are known
    """

    listings: tuple[Listing, ...]
    sessions: NDArray[np.datetime64]
    rows: IntArray
    first: IntArray
    fields: Mapping[str, FloatArray]
    flags: NDArray[np.uint8]
    workspace: str = "file"
    simulated: bool = False
    data_version: str = "0"
    capital: Capital = field(default_factory=Capital.none)
    _views: dict[int, View] = field(default_factory=dict, repr=False, init=False)

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The Symbols in the order of the columns."""
        return tuple(listing.symbol for listing in self.listings)

    @property
    def bar_count(self) -> int:
        """Rows of each field: the traded bars of the Symbol that has most."""
        return int(self.flags.shape[0])

    @cached_property
    def columns(self) -> dict[Symbol, int]:
        """The column of each Symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    @cached_property
    def roster(self) -> Roster:
        """Who was listed when, and where."""
        return Roster(self.listings)

    @cached_property
    def listed_from(self) -> IntArray:
        """The index of the Session of each Symbol's first bar (the number of Sessions where it has none): [symbols]."""
        has_bar = self.rows != NO_BAR
        return np.where(has_bar.any(axis=0), has_bar.argmax(axis=0), self.sessions.size).astype(np.int32)

    def as_of(self, day: date | None = None) -> View:
        """What was known at the close of a Session (the newest when None); DataNotFound names the latest date."""
        if self.sessions.size == 0:
            raise DataNotFound(
                "there are no bars yet", field="as_of", accepted="import some first: ralph import bars FILE"
            )
        index = self.sessions.size - 1 if day is None else self._index(day)
        view = self._views.get(index)
        if view is None:
            view = View(self, index)
            self._make_room()
            view = self._views.setdefault(index, view)
        return view

    def _make_room(self) -> None:
        """Drop the views made first. Readers share the Panel between threads: a list is taken before anything goes."""
        kept = list(self._views.items())
        held = sum(view.held_bytes for _, view in kept)
        for index, (session, view) in enumerate(kept):
            if held <= AS_OF_BYTES_MAX and len(kept) - index < AS_OF_VIEWS_MAX:
                break
            held -= view.held_bytes
            self._views.pop(session, None)

    def forget_views(self) -> None:
        """Let go of all views. Whoever replaces a Panel calls this, as views and Panel hold each other."""
        self._views.clear()

    def _index(self, day: date) -> int:
        wanted = np.datetime64(day, "D")
        index = int(np.searchsorted(self.sessions, wanted))
        if index < self.sessions.size and self.sessions[index] == wanted:
            return index
        latest = self.sessions[index - 1] if index else self.sessions[0]
        when = "the latest date with data before it is" if index else "the earliest date with data is"
        newest = f", the newest of all {self.sessions[-1]}" if latest != self.sessions[-1] else ""
        raise DataNotFound(f"no data on {day}: {when} {latest}{newest}", field="as_of", accepted=str(latest))


class View:
    """A Panel as of one Session: nothing after it is visible.

    Columns are aligned so that the Session's bar of every Symbol that traded stands in the last row. Symbols that did
    not trade on it have no rows (`first` equals `height`): what their columns hold is not to be read, as it is NaN in
    the view of an older Session and their own older bars in the newest. Arrays are gathered when first asked for, and
    closed to writing.
    """

    def __init__(self, panel: Panel, index: int) -> None:
        self.panel = panel
        self.index = index
        self.on: date = panel.sessions[index].astype(object)
        row = panel.rows[index]
        self.traded: NDArray[np.bool_] = row >= 0
        self.shift = np.where(self.traded, panel.bar_count - 1 - row, 0).astype(np.int32)
        length = np.where(self.traded, row - panel.first + 1, 0)
        self.height = int(length.max(initial=1)) if length.size else 1
        self.first: IntArray = (self.height - length).astype(np.int32)
        self._fields: dict[str, FloatArray] = {}
        self._flags: NDArray[np.uint8] | None = None

    @property
    def held_bytes(self) -> int:
        """Memory of the gathered arrays; nothing where the Panel's own serve."""
        if self.is_whole:
            return 0
        flags = 0 if self._flags is None else self._flags.nbytes
        return flags + sum(array.nbytes for array in list(self._fields.values()))

    @cached_property
    def listed(self) -> NDArray[np.bool_]:
        """Whether a Symbol was listed on the Session and has any bar until then: [symbols]."""
        listed: NDArray[np.bool_] = (self.panel.listed_from <= self.index) & self.panel.roster.listed(self.on)
        return listed

    @cached_property
    def halted(self) -> NDArray[np.bool_]:
        """Whether a Symbol's bar of the Session is one without trade: [symbols]."""
        halted: NDArray[np.bool_] = self.panel.rows[self.index] == HALTED
        return halted

    @cached_property
    def market_caps(self) -> FloatArray:
        """Market caps in won as of the Session, from what was known by then; NaN where nothing tells: [symbols]."""
        panel, symbols = self.panel, self.first.size
        day = panel.sessions[self.index]
        last = panel.capital.last(day, symbols)
        said = panel.capital.day[last] if panel.capital.day.size else np.full(symbols, day)
        then = np.where(last >= 0, np.searchsorted(panel.sessions, said, side="right") - 1, self.index)
        return market_caps(panel.capital, day, self._closes(np.full(symbols, self.index)), self._closes(then))

    def _closes(self, session: NDArray[np.int64]) -> FloatArray:
        """Each Symbol's newest close up to a Session of its own (its index, -1 where before all): [symbols]."""
        panel = self.panel
        closes = np.full(session.size, np.nan)
        asked = np.flatnonzero(session >= panel.listed_from)  # all others have no bar by then
        at = session[asked]
        while asked.size:
            row = panel.rows[at, asked]
            found = row >= 0
            closes[asked[found]] = panel.fields["close"][row[found], asked[found]]
            remains = ~found & (at > 0)
            asked, at = asked[remains], at[remains] - 1
        return closes

    @property
    def is_whole(self) -> bool:
        """Whether the Panel's own rows serve as they are, without a gather."""
        return self.index == self.panel.sessions.size - 1

    def field(self, name: str) -> FloatArray:
        """A field [height, symbols], its last row the Session's bar; NaN above a Symbol's first."""
        found = self._fields.get(name)
        if found is None:
            found = self._gather(self.panel.fields[name])
            self._fields[name] = found
        return found

    def day_of(self, column: int, row: int) -> date:
        """The Session of the bar that a column holds in a row of the fields."""
        of_panel = self.panel.bar_count - self.height - int(self.shift[column]) + row
        found: date = self.panel.sessions[np.flatnonzero(self.panel.rows[:, column] == of_panel)[0]].astype(object)
        return found

    def flags(self) -> NDArray[np.uint8]:
        """`Flag` bits [height, symbols], aligned as the fields are."""
        if self._flags is None:
            self._flags = self._gather(self.panel.flags)
        return self._flags

    def _gather(self, array: NDArray[Number]) -> NDArray[Number]:
        bars, height = self.panel.bar_count, self.height
        if self.is_whole and height <= bars:
            return array[bars - height :]
        empty = np.nan if array.dtype.kind == "f" else 0
        gathered = np.full((height, array.shape[1]), empty, dtype=array.dtype)
        if self.traded.any():
            self._take(array, gathered)
            gathered[:, ~self.traded] = empty
        gathered.flags.writeable = False
        return gathered

    def _take(self, array: NDArray[Number], gathered: NDArray[Number]) -> None:
        """One row at a time: each is a small gather, and no index array as large as a field is made."""
        height, symbols = gathered.shape
        source = np.ascontiguousarray(array).ravel()
        top = self.panel.bar_count - height - self.shift
        at = top.astype(np.int64) * symbols + np.arange(symbols)
        short_rows = max(0, -int(top.min()))  # in them, Symbols moved down by more than their length have nothing
        for row in range(height):
            if row < short_rows:
                has_row = at >= 0
                gathered[row, has_row] = source[at[has_row]]
            else:
                np.take(source, at, out=gathered[row], mode="clip")  # clip: the one mode that writes straight to out
            at += symbols
