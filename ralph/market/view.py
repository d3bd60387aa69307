"""A Panel as of one Session: what was known at its close, and nothing after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import ADJUSTED, adjusted
from ralph.market.beside import BESIDE_FIELDS
from ralph.market.capital import Statements, market_caps
from ralph.market.flags import RAW
from ralph.market.notes import Notes
from ralph.market.periods import Frame, Periods

if TYPE_CHECKING:
    from ralph.market.panel import Panel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)

# Of `Panel.rows`: a Symbol has no bar on a Session, or one without trade.
NO_BAR = -1
HALTED = -2

COLUMNS_A_CHOICE = 3  # fewer than every third column are gathered by themselves


@dataclass(frozen=True, eq=False)
class _Undone:
    """Columns that actions after a view's Session have changed in the Panel: their places in its raw bars, which ones
    they are, and their factors as of the Session [columns, bars]."""

    places: NDArray[np.int64]
    columns: NDArray[np.int64]
    factors: FloatArray


class View:
    """A Panel as of one Session: nothing after it is visible, and prices are those adjusted by what was known by then.

    Columns are aligned so that the Session's bar of every Symbol that traded stands in the last row. Symbols that did
    not trade on it have no rows (`first` equals `height`): what their columns hold is not to be read, as it is NaN in
    the view of an older Session and their own older bars in the newest. Arrays are gathered when first asked for, and
    closed to writing.

    readings, ratings  what was computed of all its columns, and is asked for again by others: indicators, and places
                       in the market that depend on no request
    """

    def __init__(self, panel: Panel, index: int) -> None:
        self.panel = panel
        self.index = index
        self.on: date = panel.sessions[index].astype(object)
        self._fields: dict[str, FloatArray] = {}
        self._tails: dict[str, FloatArray] = {}
        self._flags: NDArray[np.uint8] | None = None
        self._sessions: IntArray | None = None
        self._periods: dict[Frame, Periods] = {}
        self.readings = Notes()
        self.ratings = Notes()

    @cached_property
    def traded(self) -> NDArray[np.bool_]:
        """Whether each Symbol has a bar in the last row: [symbols]."""
        traded: NDArray[np.bool_] = self._newest_rows >= 0
        return traded

    @cached_property
    def shift(self) -> IntArray:
        """How many rows above the Panel's last each column's newest bar stands: [symbols]."""
        return np.where(self.traded, self.panel.bar_count - 1 - self._newest_rows, 0).astype(np.int32)

    @cached_property
    def _length(self) -> IntArray:
        length: IntArray = np.where(self.traded, self._newest_rows - self.panel.first + 1, 0).astype(np.int32)
        return length

    @cached_property
    def height(self) -> int:
        """Rows of each field: the bars of the Symbol that has most."""
        return int(self._length.max(initial=1))

    @cached_property
    def first(self) -> IntArray:
        """The row of each Symbol's first bar; `height` where it has none: [symbols]."""
        return (self.height - self._length).astype(np.int32)

    @cached_property
    def _newest_rows(self) -> IntArray:
        """The Panel's row that is to be the last of each column; negative where a Symbol has none."""
        rows: IntArray = self.panel.rows[self.index]
        return rows

    @property
    def held_bytes(self) -> int:
        """Memory of the gathered arrays; nothing where the Panel's own serve."""
        if self.is_whole:
            return 0
        latest = self.__dict__.get("latest")
        below = latest.held_bytes if latest is not None and latest is not self else 0
        flags = 0 if self._flags is None else self._flags.nbytes
        undone = self.__dict__.get("_undone")  # only once it was asked for
        factors = 0 if undone is None else undone.factors.nbytes
        periods = sum(one.held_bytes for one in list(self._periods.values()))
        gathered = [*list(self._fields.values()), *list(self._tails.values())]
        noted = self.readings.held_bytes + self.ratings.held_bytes
        return below + factors + flags + periods + noted + sum(array.nbytes for array in gathered)

    @cached_property
    def latest(self) -> View:
        """The same Session, with the rows of Symbols that did not trade on it too: their newest bar in the last row."""
        return Latest(self.panel, self.index)

    def newest(self, name: str, rows: int) -> FloatArray:
        """The newest rows of a field [rows, symbols]; all missing where nothing by that name is stored. A few rows are
        gathered without the rest."""
        if rows > self.height // 2 or name in self._fields or self.is_whole or name == "session":
            try:
                return self.field(name)[self.height - rows :]
            except KeyError:
                return np.full((rows, self.first.size), np.nan)
        found = self._tails.get(name)
        if found is None or found.shape[0] < rows:
            try:
                found = self._tails[name] = self._read(name, rows)
            except KeyError:
                return np.full((rows, self.first.size), np.nan)
        return found[found.shape[0] - rows :]

    def chosen(self, name: str, columns: NDArray[np.int64], rows: int) -> FloatArray:
        """As `newest`, of some columns only [rows, columns]: where they are few, nothing else is gathered."""
        few = columns.size * COLUMNS_A_CHOICE <= self.first.size
        if name in self._fields or self.is_whole or name == "session" or not few:
            return np.take(self.newest(name, rows), columns, axis=1)
        try:
            return self._read(name, rows, columns)
        except KeyError:
            return np.full((rows, columns.size), np.nan)

    def session_of(self, rows: int) -> IntArray:
        """The index of the Session of each of the newest bars, NO_BAR where there is none: [rows, symbols]."""
        if self._sessions is None or self._sessions.shape[0] < rows:
            self._sessions = self._gather_sessions(rows)
        return self._sessions[self._sessions.shape[0] - rows :]

    def _gather_sessions(self, rows: int) -> IntArray:
        stored = self.panel.session_of
        back = np.arange(rows - 1, -1, -1, dtype=np.int32)[:, None]
        if self.is_whole and rows <= stored.shape[0]:
            found = stored[stored.shape[0] - rows :]
        else:
            at = self.panel.bar_count - 1 - self.shift - back
            found = np.take_along_axis(stored, np.maximum(at, 0), axis=0)
        sessions: IntArray = np.where(back < self._length, found, np.int32(NO_BAR))
        sessions.flags.writeable = False
        return sessions

    def periods(self, frame: Frame) -> Periods:
        """The weeks or months of the fields' bars."""
        found = self._periods.get(frame)
        if found is None:
            made = Periods(self.session_of(self.height), self.panel.sessions, frame)
            found = self._periods.setdefault(frame, made)
        return found

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
        closes = self._closes(np.full(symbols, self.index)), self._closes(then)
        return market_caps(panel.capital, day, *closes, self._shares_grown(said))

    def _shares_grown(self, said: NDArray[np.datetime64]) -> FloatArray:
        """What a share of each Symbol's day has become by the Session: [symbols]."""
        grown = np.ones(said.size)
        for action in reversed(self.panel.actions):
            column = self.panel.columns.get(action.symbol)
            if column is not None and action.on <= self.on and said[column] < np.datetime64(action.on):
                grown[column] *= action.ratio
        return grown

    def _closes(self, session: NDArray[np.int64]) -> FloatArray:
        """Each Symbol's newest close up to a Session of its own (its index, -1 where before all): [symbols]."""
        panel = self.panel
        rows = np.full(session.size, NO_BAR)
        asked = np.flatnonzero(session >= panel.listed_from)  # all others have no bar by then
        at = session[asked]
        while asked.size:
            row = panel.rows[at, asked]
            found = row >= 0
            rows[asked[found]] = row[found]
            remains = ~found & (at > 0)
            asked, at = asked[remains], at[remains] - 1
        closes = np.full(session.size, np.nan)
        has_bar = np.flatnonzero(rows >= 0)
        closes[has_bar] = panel.fields["close"][rows[has_bar], has_bar]
        undone = self._undone
        for at_raw, column, factors in zip(undone.places, undone.columns, undone.factors, strict=True):
            if (row := rows[column]) >= 0:
                closes[column] = panel.raw.fields["close"][at_raw, row] / factors[row]
        return closes

    @cached_property
    def _undone(self) -> _Undone:
        panel, day = self.panel, self.panel.sessions[self.index]
        steps = panel.steps
        places = np.unique(steps.place[(steps.day > day) & (steps.day <= panel.sessions[-1])])
        columns = panel.raw.columns[places]
        mine = steps.of(np.isin(steps.place, places))
        is_raw = (panel.flags[:, columns] & RAW).T > 0
        mine = replace(mine, place=np.searchsorted(places, mine.place))
        return _Undone(places, columns, mine.factors(is_raw, day))

    @cached_property
    def statements(self) -> Statements:
        """What was said of each Symbol's capital, in shares and prices of the Session."""
        panel = self.panel
        told = panel.statements
        if not panel.actions:
            return told
        then, grown = told.close_then.copy(), np.ones(told.key.size)
        undone = self._undone
        for at_raw, column, factors in zip(undone.places, undone.columns, undone.factors, strict=True):
            mine = told.of_column(column)
            row = told.row[mine]
            closes = panel.raw.fields["close"][at_raw, row] / factors[row]
            then[mine] = np.where(row >= 0, closes, np.nan)
        for action in reversed(panel.actions):
            column_of = panel.columns.get(action.symbol)
            if column_of is not None and action.on <= self.on:
                grown[told.of_column(column_of, before=action.on)] *= action.ratio
        return replace(told, close_then=then, grown=grown)

    @property
    def is_whole(self) -> bool:
        """Whether the Panel's own rows serve as they are, without a gather."""
        return self.index == self.panel.sessions.size - 1

    def field(self, name: str) -> FloatArray:
        """A field [height, symbols], its last row the Session's bar; NaN above a Symbol's first.

        Beside the bars' own fields there are BESIDE_FIELDS, NaN where a source says nothing, and `session`, the
        number of the Session of each bar.
        """
        found = self._fields.get(name)
        if found is None:
            if name == "session" and name not in self.panel.fields:
                found = self.session_of(self.height).astype(np.float64)
                found.flags.writeable = False
            else:
                found = self._read(name, self.height)
            self._fields[name] = found
        return found

    def _read(self, name: str, rows: int, columns: NDArray[np.int64] | None = None) -> FloatArray:
        """The newest rows of a stored field, of all columns or of some, in prices of the Session."""
        is_beside = name in BESIDE_FIELDS and name not in self.panel.fields
        stored = self.panel.beside_field(name, self.on) if is_beside else self.panel.fields[name]
        found = self._gather(stored, rows, columns)
        if name in ADJUSTED and not self.is_whole:
            self._adjust(name, found, columns)
        found.flags.writeable = False
        return found

    def day_of(self, column: int, row: int) -> date:
        """The Session of the bar that a column holds in a row of the fields."""
        of_panel = self.panel.bar_count - self.height - int(self.shift[column]) + row
        found: date = self.panel.sessions[np.flatnonzero(self.panel.rows[:, column] == of_panel)[0]].astype(object)
        return found

    def flags(self) -> NDArray[np.uint8]:
        """`Flag` bits [height, symbols], aligned as the fields are."""
        if self._flags is None:
            self._flags = self._gather(self.panel.flags, self.height)
            self._flags.flags.writeable = False
        return self._flags

    def newest_flags(self, rows: int) -> NDArray[np.uint8]:
        """The newest rows of the flags."""
        if self._flags is not None or self.is_whole:
            return self.flags()[self.height - rows :]
        return self._gather(self.panel.flags, rows)

    def _adjust(self, name: str, gathered: FloatArray, columns: NDArray[np.int64] | None) -> None:
        """Writes columns that later actions have changed anew, from the bars as traded: dividing back would round."""
        raw, undone = self.panel.raw.fields[name], self._undone
        place = None if columns is None else {column: at for at, column in enumerate(columns.tolist())}
        for at_raw, column, factors in zip(undone.places, undone.columns, undone.factors, strict=True):
            at = column if place is None else place.get(int(column))
            if at is not None and self.traded[column]:
                first = self.panel.first[column]
                bars = slice(first, first + self.height - self.first[column])
                values = adjusted(name, raw[at_raw, bars], factors[bars])[-gathered.shape[0] :]
                gathered[gathered.shape[0] - values.size :, at] = values

    def _gather(self, array: NDArray[Number], height: int, columns: NDArray[np.int64] | None = None) -> NDArray[Number]:
        """The newest `height` rows of all columns, or of some, each moved down to the Session's bar."""
        bars = self.panel.bar_count
        if self.is_whole and height <= bars and columns is None:
            return array[bars - height :]
        empty = np.nan if array.dtype.kind == "f" else 0
        if columns is not None:
            at = np.arange(bars - height, bars)[:, None] - self.shift[columns]
            known = (at >= 0) & self.traded[columns]
            return np.where(known, array[np.maximum(at, 0), columns], array.dtype.type(empty))
        gathered = np.full((height, array.shape[1]), empty, dtype=array.dtype)
        if self.traded.any():
            self._take(array, gathered)
            gathered[:, ~self.traded] = empty
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
                source.take(at, out=gathered[row], mode="clip")  # clip: the one mode that writes straight to out
            at += symbols


class Latest(View):
    """A View in which `traded` says whether a Symbol has any bar up to the Session, and the last row is its newest."""

    @cached_property
    def _newest_rows(self) -> IntArray:
        panel = self.panel
        rows: IntArray = panel.rows[self.index].copy()
        open_columns = np.flatnonzero((rows < 0) & (panel.listed_from <= self.index))
        session = self.index - 1
        while open_columns.size and session >= 0:
            rows[open_columns] = panel.rows[session, open_columns]
            open_columns = open_columns[rows[open_columns] < 0]
            session -= 1
        return rows
