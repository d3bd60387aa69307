"""A Panel grown by one Session, without reading the bars before it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import ADJUSTED, PanelRows, Raw, adjusted, in_effect, mark_jumps, steps_of
from ralph.market.columns import BAR_COLUMNS, BarColumns, frozen, sessions_of
from ralph.market.flags import RAW
from ralph.market.panel import FIELDS, FloatArray, IntArray, Panel
from ralph.market.symbol import Listing
from ralph.market.view import HALTED, NO_BAR

Number = TypeVar("Number", bound=np.generic)
IndexArray = NDArray[np.int64]

GROWN = ("rows", "flags", *FIELDS)
"""The arrays of a Panel that hold something for each Symbol and each Session or bar."""

_EMPTY: Mapping[str, float] = {"rows": NO_BAR, "flags": 0, **dict.fromkeys(FIELDS, np.nan)}


def append(panel: Panel, bars: BarColumns, *, data_version: str) -> Panel:
    """The Panel with one more Session: the same, bit by bit, as `build_panel` of all bars. See `Growth`."""
    growth = Growth(panel, bars)
    made = {name: frozen(growth.whole(name)) for name in GROWN}
    return Panel(
        listings=growth.listings,
        sessions=growth.sessions,
        rows=made["rows"],
        first=growth.first,
        fields={name: made[name] for name in FIELDS},
        flags=made["flags"],
        workspace=panel.workspace,
        simulated=panel.simulated,
        data_version=data_version,
        capital=growth.capital,
        beside=panel.beside,
        actions=panel.actions,
        raw=growth.raw,
    )


class Growth:
    """What a Panel becomes with one more Session; the arrays of GROWN by some rows at a time, so that who stores them
    needs no second Panel in memory.

    `bars` are those of a single Session, newer than all of the Panel; its listings replace those of the same Symbol and
    add new Symbols. Actions that take effect with it are the Panel's own. Corrections of older bars and newly confirmed
    actions need a rebuild.

    listings, sessions, first, raw, actions, capital  as in the Panel
    kept  int64 [older symbols]: in which column each of the older Panel's stands now
    """

    def __init__(self, panel: Panel, bars: BarColumns) -> None:
        days = np.unique(bars.day)
        assert days.size == 1, "one Session is appended at a time"
        assert panel.sessions.size == 0 or days[0] > panel.sessions[-1], "only a newer Session can be appended"
        self._older = panel
        self.listings, self.kept = _merge(panel.listings, bars.listings)
        self.sessions = frozen(np.append(panel.sessions, days.astype("datetime64[D]")))
        self.actions = panel.actions
        self.capital = panel.capital.moved(self.kept)
        symbols = len(self.listings)
        place = {listing.symbol: column for column, listing in enumerate(self.listings)}
        columns = np.array([place[listing.symbol] for listing in bars.listings], dtype=np.int64)[bars.symbol]
        traded = bars.volume > 0
        self._trades = np.zeros(symbols, dtype=np.bool_)
        self._trades[columns[traded]] = True
        count = self._trades.astype(np.int64)
        count[self.kept] += panel.bar_count - panel.first
        self._height = int(count.max(initial=0))
        self.first: IntArray = frozen((self._height - count).astype(np.int32))
        self._newest = {name: np.full(symbols, _EMPTY[name], dtype=self.dtype(name)) for name in GROWN}
        for name in ("flags", *FIELDS):
            values = bars.value_traded() if name == "value" else getattr(bars, name)
            self._newest[name][columns[traded]] = values[traded]
        self._newest["rows"][columns] = np.where(traded, self._height - 1, HALTED)
        self._find_moves()
        self._changed: dict[str, tuple[IndexArray, NDArray[Any]]] = {}
        self._newest_flags = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8))
        self.raw = Raw.none(self._height)
        if panel.actions and self._height:  # without a single trade there is nothing to adjust
            self._readjust(place)

    def shape(self, name: str) -> tuple[int, int]:
        """Of one of GROWN."""
        return self.sessions.size if name == "rows" else self._height, len(self.listings)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Of one of GROWN."""
        return self._from(name).dtype

    def whole(self, name: str) -> NDArray[Any]:
        """One of GROWN."""
        grown = np.empty(self.shape(name), dtype=self.dtype(name))
        self.fill(name, 0, grown)
        return grown

    def rows_at_once(self, name: str, size: int) -> Iterator[NDArray[Any]]:
        """The rows of one of GROWN in order, in pieces of about `size` bytes; each is overwritten by the next."""
        (height, symbols), dtype = self.shape(name), self.dtype(name)
        buffer = np.empty((max(1, size // max(1, symbols * dtype.itemsize)), symbols), dtype=dtype)
        for begin in range(0, height, len(buffer)):
            piece = buffer[: min(len(buffer), height - begin)]
            self.fill(name, begin, piece)
            yield piece

    def fill(self, name: str, begin: int, out: NDArray[Any]) -> None:
        """Writes the rows from `begin` on of one of GROWN into `out`."""
        older, empty = self._from(name), _EMPTY[name]
        is_map = name == "rows"
        for was, now in self._runs:
            _move(older[:, was], out[:, now], 0 if is_map else self._usual, begin, empty)
        if self._unusual.size and not is_map:
            # Their rows first: columns chosen from the whole array would be gathered anew for each piece.
            above = max(0, begin - self._other)
            needed = older[above : max(0, begin + len(out) - self._other)][:, self._unusual]
            lines = np.empty((len(out), self._unusual.size), dtype=out.dtype)
            _move(needed, lines, self._other + above, begin, empty)
            out[:, self.kept[self._unusual]] = lines
        if is_map:
            self._renumber(out)
        out[:, self._added] = empty
        end = begin + len(out)
        if name in self._changed:
            columns, values = self._changed[name]
            out[:, columns] = values[begin:end]
        if len(out) and end == self.shape(name)[0]:
            chosen = slice(None) if is_map else self._trades
            out[-1, chosen] = self._newest[name][chosen]
            if name == "flags":
                out[-1, self._newest_flags[0]] = self._newest_flags[1]

    def _find_moves(self) -> None:
        """An older bar of row r is now in row r + moved: one up where a new bar came below it, one down where the Panel
        became taller. There are two cases only, and the more frequent one is copied by whole rows."""
        rests = self._height - self._older.bar_count
        moved = rests - self._trades[self.kept].astype(np.int32)
        is_usual_rest = 2 * (moved == rests).sum() >= moved.size
        self._usual, self._other = (rests, rests - 1) if is_usual_rest else (rests - 1, rests)
        self._unusual = np.flatnonzero(moved != self._usual)
        self._added = np.setdiff1d(np.arange(len(self.listings)), self.kept)
        self._runs = _runs(self.kept)

    def _renumber(self, out: NDArray[Any]) -> None:
        """Rows of the map, from the numbers of the older Panel's rows to ours."""
        columns = self.kept[self._unusual]
        lines = out[:, columns]
        if self._usual:
            np.add(out, self._usual, out=out, where=out >= 0)
        np.add(lines, self._other, out=lines, where=lines >= 0)
        out[:, columns] = lines

    def _from(self, name: str) -> NDArray[Any]:
        older: NDArray[Any] = self._older.fields[name] if name in FIELDS else getattr(self._older, name)
        return older

    def _lines(self, name: str, columns: IndexArray) -> NDArray[Any]:
        """Some columns of one of GROWN, before actions change anything: [columns, rows]."""
        was = np.full(len(self.listings), -1, dtype=np.int64)
        was[self.kept] = np.arange(self.kept.size)
        older, height = self._from(name), self.shape(name)[0]
        lines = np.full((columns.size, height), _EMPTY[name], dtype=older.dtype)
        is_usual = ~np.isin(was[columns], self._unusual)
        for moved, is_chosen in ((self._usual, is_usual), (self._other, ~is_usual)):
            chosen = np.flatnonzero(is_chosen & (was[columns] >= 0))
            found = np.empty((height, chosen.size), dtype=older.dtype)
            _move(older[:, was[columns[chosen]]], found, 0 if name == "rows" else moved, 0, _EMPTY[name])
            if name == "rows":
                np.add(found, moved, out=found, where=found >= 0)
            lines[chosen] = found.T
        chosen = np.arange(columns.size) if name == "rows" else np.flatnonzero(self._trades[columns])
        lines[chosen, -1] = self._newest[name][columns[chosen]]
        return lines

    def _readjust(self, place: Mapping[Any, int]) -> None:
        """The raw bars, and what the newest Session's actions change in the fields and flags."""
        day = self.sessions[-1]
        acted = in_effect(self.actions, place, day)
        columns = acted[(self._lines("flags", acted) & RAW).any(axis=1)]
        flags = self._lines("flags", columns)
        is_new = ~np.isin(columns, self.kept[self._older.raw.columns])
        fields = {name: self._grow_raw(columns, is_new, name) for name in ADJUSTED}
        at = {self.listings[column].symbol: number for number, column in enumerate(columns.tolist())}
        rows = PanelRows(self.sessions, self._lines("rows", columns).T, self._height)
        steps = steps_of(self.actions, at, np.arange(columns.size), rows)
        older = self._older.sessions[-1] if self._older.sessions.size else np.datetime64("0001-01-01", "D")
        changed = np.unique(steps.place[(steps.day > older) & (steps.day <= day)])
        if changed.size:
            factors = steps.factors(flags & RAW > 0, day)[changed]
            for name, raw in fields.items():
                self._changed[name] = columns[changed], adjusted(name, raw[changed], factors).T
        newest = steps.of(steps.row == self._height - 1)
        mark_jumps(flags, fields["close"], self.first[columns], newest, day)
        self._newest_flags = columns, flags[:, -1]
        self.raw = Raw(frozen(columns), {name: frozen(raw) for name, raw in fields.items()})

    def _grow_raw(self, columns: IndexArray, is_new: NDArray[np.bool_], name: str) -> FloatArray:
        """A field as traded, the newest bar behind the older ones; a new column's is what the Panel holds so far."""
        raw = np.full((columns.size, self._height), np.nan)
        raw[is_new] = self._lines(name, columns[is_new])
        if is_new.all():
            return raw
        trades = self._trades[columns[~is_new]]
        older, more = self._older.raw.fields[name], self._height - self._older.bar_count
        moved = raw[~is_new]
        moved[~trades, more:] = older[~trades]
        moved[trades, max(0, more - 1) : -1] = older[trades, 1 - min(1, more) :]
        moved[trades, -1] = self._newest[name][columns[~is_new]][trades]
        raw[~is_new] = moved
        return raw


def each_session(bars: BarColumns) -> Iterator[BarColumns]:
    """The bars of one Session after the other, with the listings of the Symbols that have one."""
    days, rank = sessions_of(bars.day)
    for index in range(days.size):
        rows = np.flatnonzero(rank == index)
        present, symbol = np.unique(bars.symbol[rows], return_inverse=True)
        columns = {name: getattr(bars, name)[rows] for name in BAR_COLUMNS if name != "symbol"}
        listings = tuple(bars.listings[place] for place in present)
        yield BarColumns(listings=listings, symbol=symbol.astype(np.int32), **columns)


def _merge(older: tuple[Listing, ...], newer: tuple[Listing, ...]) -> tuple[tuple[Listing, ...], NDArray[np.int64]]:
    """The listings of both in order of code, the newer winning, and where each older one stands among them."""
    by_symbol = {listing.symbol: listing for listing in (*older, *newer)}
    merged = tuple(by_symbol[symbol] for symbol in sorted(by_symbol))
    place = {listing.symbol: column for column, listing in enumerate(merged)}
    return merged, np.array([place[listing.symbol] for listing in older], dtype=np.int64)


def _runs(kept: NDArray[np.int64]) -> list[tuple[slice, slice]]:
    """The longest slices of older columns that stay side by side, and where they go."""
    if kept.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(kept) != 1) + 1
    begins, ends = [0, *breaks.tolist()], [*breaks.tolist(), kept.size]
    return [
        (slice(begin, end), slice(int(kept[begin]), int(kept[begin]) + end - begin))
        for begin, end in zip(begins, ends, strict=True)
    ]


def _move(older: NDArray[Number], out: NDArray[Number], moved: int, begin: int, empty: float) -> None:
    """Row r of the older array goes to row r + moved, of which `out` holds those from `begin` on; rows nothing goes to
    are `empty`."""
    end = begin + len(out)
    first = min(max(begin, moved), end)
    last = max(first, min(end, len(older) + moved))
    out[: first - begin] = empty
    out[first - begin : last - begin] = older[first - moved : last - moved]
    out[last - begin :] = empty
