"""The Panel: a whole market as time-major columns, and the view of it as of a Session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.errors import DataNotFound
from ralph.market.adjustment import Action, PanelRows, Raw, Steps, steps_of
from ralph.market.beside import FLOW_FIELDS, KOSDAQ, Beside, Place, spread_flow, spread_index
from ralph.market.capital import Capital, Statements
from ralph.market.kinds import kind_of
from ralph.market.roster import Roster
from ralph.market.symbol import Listing, Symbol, is_korean
from ralph.market.ticks import board_of
from ralph.market.view import NO_BAR, View

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)

FIELDS = ("open", "high", "low", "close", "volume", "value")
"""Prices in won (or the market's currency), volume in shares, value in won traded."""

# Views kept with their gathered columns, beside the one asked for; those made first are dropped.
AS_OF_VIEWS_MAX = 4
AS_OF_BYTES_MAX = 96 << 20


@dataclass(frozen=True, eq=False)
class Panel:
    """All daily bars of a workspace. Immutable: a new one replaces it, readers keep their reference.

    fields    float64 [bars, symbols] each, adjusted by the actions in effect at the last Session; a column holds the
              Symbol's traded bars pushed to the end: its newest bar is in the last row, NaN stands above its first
    rows      int32 [sessions, symbols]: the row of a Symbol's bar of that Session; NO_BAR where it has none,
              HALTED where it has one without trade (volume 0)
    first     int32 [symbols]: the row of a Symbol's first bar (the number of rows where it has none)
    flags     uint8 [bars, symbols]: `Flag` bits of each bar, and RAW
    capital   listed shares and market caps, as far as they are known
    beside    flows and index closes, spread over the bars when they are first asked for
    actions   the confirmed actions of the workspace in order, also those to come
    raw       the bars as traded of the columns that actions changed
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
    beside: Beside = field(default_factory=Beside)
    actions: tuple[Action, ...] = ()
    raw: Raw = field(default_factory=Raw.none)
    _views: dict[int, View] = field(default_factory=dict, repr=False, init=False)
    _flows: dict[str, FloatArray] = field(default_factory=dict, repr=False, init=False)

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
    def places(self) -> dict[date, int]:
        """The index of each Session by its day."""
        return {day: index for index, day in enumerate(self.sessions.astype(object).tolist())}

    @cached_property
    def roster(self) -> Roster:
        """Who was listed when, and where."""
        return Roster(self.listings)

    @cached_property
    def is_common(self) -> NDArray[np.bool_]:
        """Whether each Symbol is a common share, as far as its code, name and kind tell: [symbols]."""
        kinds = [kind_of(one.symbol, one.name, one.kind) for one in self.listings]
        return np.array([kind in (None, "common") for kind in kinds], dtype=np.bool_)

    @cached_property
    def boards(self) -> NDArray[np.str_]:
        """The market whose price rules hold for each Symbol, KOSPI where that of a Korean one is not known; empty for
        all others: [symbols]."""
        return np.array([board_of(one.market or "KOSPI") if is_korean(one) else "" for one in self.listings], dtype=str)

    @cached_property
    def steps(self) -> Steps:
        """Where actions cut the columns of `raw`."""
        place = {self.symbols[column]: at for at, column in enumerate(self.raw.columns.tolist())}
        return steps_of(self.actions, place, self.raw.columns, PanelRows(self.sessions, self.rows, self.bar_count))

    @cached_property
    def listed_from(self) -> IntArray:
        """The index of the Session of each Symbol's first bar (the number of Sessions where it has none): [symbols]."""
        return _first_sessions(self.rows)

    @cached_property
    def session_of(self) -> IntArray:
        """The index of the Session of each bar, NO_BAR above a Symbol's first: [bars, symbols]."""
        found = np.full(self.flags.shape, NO_BAR, dtype=np.int32)
        session, column = np.nonzero(self.rows >= 0)
        found[self.rows[session, column], column] = session
        return found

    @cached_property
    def statements(self) -> Statements:
        """What was said of each Symbol's capital, ready to be asked by bar."""
        return Statements.of(self.capital, self.sessions, self.rows, self.fields["close"])

    @cached_property
    def _is_told_newest(self) -> bool:
        """Whether flows of the newest Session are known."""
        return bool((self.beside.day >= self.sessions[-1]).any())

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

    def beside_field(self, name: str, day: date) -> FloatArray:
        """One of BESIDE_FIELDS [bars, symbols], rows as those of `fields`, NaN where nothing is known. It takes as long
        as a kernel: not for the event loop.

        day  the index of a Symbol is that of its market on this day; KOSPI where that is not known
        """
        place = Place(self.sessions, self.rows, self.bar_count, self.columns)
        if name not in FLOW_FIELDS:
            return spread_index(self.beside, self.roster.on_market(KOSDAQ, day), place)
        if name not in self._flows:
            self._flows[name] = spread_flow(self.beside, name, place)
        return self._flows[name]

    def session_view(self, day: date) -> View:
        """As `as_of`, of a Session that is not worth keeping for others."""
        return View(self, self._index(day))

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

    def of_bars(self) -> list[tuple[NDArray[Any], float, float]]:
        """All that has a row for each bar, for who writes to it: the array, what stands above a column's first bar, and
        what is known of a bar as long as nobody says anything."""
        found: list[tuple[NDArray[Any], float, float]] = [(each, np.nan, np.nan) for each in self.fields.values()]
        found.append((self.flags, 0, 0))
        found += [(each, np.nan, np.nan) for each in self._flows.values()]
        if "session_of" in self.__dict__:
            found.append((self.session_of, NO_BAR, self.sessions.size - 1))
        for array, _, _ in found:
            array.flags.writeable = True
        return found

    def rewritten(self, moved: NDArray[np.int64]) -> None:
        """The newest row was written to, and every bar of the columns `moved` is where it was not: what was derived
        from either goes."""
        self.forget_views()
        self.__dict__.pop("statements", None)
        if self._is_told_newest:
            self._flows.clear()
        if moved.size:
            self.__dict__.pop("steps", None)
            if "listed_from" in self.__dict__:
                self.listed_from[moved] = _first_sessions(self.rows[:, moved])

    def _index(self, day: date) -> int:
        wanted = np.datetime64(day, "D")
        index = int(np.searchsorted(self.sessions, wanted))
        if index < self.sessions.size and self.sessions[index] == wanted:
            return index
        latest = self.sessions[index - 1] if index else self.sessions[0]
        when = "the latest date with data before it is" if index else "the earliest date with data is"
        newest = f", the newest of all {self.sessions[-1]}" if latest != self.sessions[-1] else ""
        raise DataNotFound(f"no data on {day}: {when} {latest}{newest}", field="as_of", accepted=str(latest))


def _first_sessions(rows: IntArray) -> IntArray:
    has_bar = rows != NO_BAR
    first: IntArray = np.where(has_bar.any(axis=0), has_bar.argmax(axis=0), rows.shape[0]).astype(np.int32)
    return first
