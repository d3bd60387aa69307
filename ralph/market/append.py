"""A Panel grown by one Session, without reading the bars before it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import ADJUSTED, PanelRows, Raw, adjusted, in_effect, mark_jumps, steps_of
from ralph.market.columns import BAR_COLUMNS, BarColumns, frozen, sessions_of
from ralph.market.flags import RAW
from ralph.market.panel import FIELDS, IntArray, Panel
from ralph.market.symbol import Listing
from ralph.market.view import HALTED, NO_BAR

Number = TypeVar("Number", bound=np.generic)


def append(panel: Panel, bars: BarColumns, *, data_version: str) -> Panel:
    """The Panel with one more Session: the same, bit by bit, as `build_panel` of all bars.

    `bars` are those of a single Session, newer than all of the Panel; its listings replace those of the same Symbol and
    add new Symbols. Actions that take effect with it are the Panel's own. Corrections of older bars and newly confirmed
    actions need a rebuild.
    """
    days = np.unique(bars.day)
    assert days.size == 1, "one Session is appended at a time"
    assert panel.sessions.size == 0 or days[0] > panel.sessions[-1], "only a newer Session can be appended"
    growth = _Growth(panel, bars)
    sessions = frozen(np.append(panel.sessions, days.astype("datetime64[D]")))
    rows = growth.rows(panel.rows)
    values = {name: bars.value_traded() if name == "value" else getattr(bars, name) for name in FIELDS}
    grown = replace(
        panel,
        listings=growth.listings,
        sessions=sessions,
        rows=rows,
        first=growth.first,
        fields={name: growth.field(panel.fields[name], values[name], np.nan) for name in FIELDS},
        flags=growth.field(panel.flags, bars.flags, 0),
        data_version=data_version,
        capital=panel.capital.moved(growth.kept),
        raw=Raw.none(growth.height),
    )
    if panel.actions and growth.height:  # without a single trade there is nothing to adjust
        grown = replace(grown, raw=_readjust(panel, grown, growth.kept[panel.raw.columns]))
    for field in grown.fields.values():
        frozen(field)
    frozen(grown.flags)
    return grown


def _readjust(panel: Panel, grown: Panel, were: NDArray[np.int64]) -> Raw:
    """The raw bars of a grown Panel; what the newest Session's actions change is written into its fields and flags.

    were  the columns of the older Panel's raw bars, where they are now
    """
    day = grown.sessions[-1]
    acted = in_effect(grown.actions, grown.columns, day)
    columns = acted[(grown.flags[:, acted] & RAW).any(axis=0)]
    is_new = ~np.isin(columns, were)
    fields = {name: _grow_raw(panel, grown, columns, is_new, name) for name in ADJUSTED}
    place = {grown.symbols[column]: at for at, column in enumerate(columns.tolist())}
    steps = steps_of(grown.actions, place, columns, PanelRows(grown.sessions, grown.rows, grown.bar_count))
    older = panel.sessions[-1] if panel.sessions.size else np.datetime64("0001-01-01", "D")
    changed = np.unique(steps.place[(steps.day > older) & (steps.day <= day)])
    flags = grown.flags[:, columns].T.copy()
    if changed.size:
        factors = steps.factors(flags & RAW > 0, day)[changed]
        for name, raw in fields.items():
            grown.fields[name][:, columns[changed]] = adjusted(name, raw[changed], factors).T
    newest = steps.of(steps.row == grown.bar_count - 1)
    mark_jumps(flags, fields["close"], grown.first[columns], newest, day)
    grown.flags[-1, columns] = flags[:, -1]
    return Raw(frozen(columns), {name: frozen(raw) for name, raw in fields.items()})


def _grow_raw(
    panel: Panel, grown: Panel, columns: NDArray[np.int64], is_new: NDArray[np.bool_], name: str
) -> NDArray[np.float64]:
    """A field as traded, the newest bar behind the older ones; of a new column it is what the Panel holds so far."""
    raw = np.full((columns.size, grown.bar_count), np.nan)
    raw[is_new] = grown.fields[name][:, columns[is_new]].T
    if is_new.all():
        return raw
    trades = (grown.rows[-1, columns] >= 0)[~is_new]
    older, more = panel.raw.fields[name], grown.bar_count - panel.bar_count
    moved = raw[~is_new]
    moved[~trades, more:] = older[~trades]
    moved[trades, max(0, more - 1) : -1] = older[trades, 1 - min(1, more) :]
    moved[trades, -1] = grown.fields[name][-1, columns[~is_new]][trades]
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


class _Growth:
    """Where every column and row of the older Panel stands in the newer one."""

    def __init__(self, panel: Panel, bars: BarColumns) -> None:
        self.listings, self.kept = _merge(panel.listings, bars.listings)
        place = {listing.symbol: column for column, listing in enumerate(self.listings)}
        named = np.array([place[listing.symbol] for listing in bars.listings], dtype=np.int64)
        self._columns = named[bars.symbol]
        self._traded = bars.volume > 0
        trades = np.zeros(len(self.listings), dtype=np.bool_)
        trades[self._columns[self._traded]] = True
        count = trades.astype(np.int64)
        count[self.kept] += panel.bar_count - panel.first
        self.height = int(count.max(initial=0))
        self.first: IntArray = frozen((self.height - count).astype(np.int32))
        # An older bar of row r is now in row r + moved: one up where a new bar came below it, one down where the Panel
        # became taller. There are two cases only, and the more frequent one is copied by whole rows.
        rests = self.height - panel.bar_count
        moved = rests - trades[self.kept].astype(np.int32)
        self._usual, self._other = (
            (rests, rests - 1) if 2 * (moved == rests).sum() >= moved.size else (rests - 1, rests)
        )
        self._unusual = np.flatnonzero(moved != self._usual)

    def field(self, older: NDArray[Number], newest: NDArray[Number], empty: float) -> NDArray[Number]:
        """A field [bars, symbols] with the new Session's values below the older ones."""
        grown = np.empty((self.height, len(self.listings)), dtype=older.dtype)
        for was, now in _runs(self.kept):
            _move(older[:, was], grown[:, now], self._usual, empty)
        if self._unusual.size:
            lines = np.empty((self.height, self._unusual.size), dtype=older.dtype)
            _move(older[:, self._unusual], lines, self._other, empty)
            grown[:, self.kept[self._unusual]] = lines
        grown[:, self._added()] = empty
        if self._traded.any():
            grown[-1, self._columns[self._traded]] = newest[self._traded]
        return grown

    def rows(self, older: IntArray) -> IntArray:
        """The map [sessions, symbols] with the new Session below."""
        grown = np.empty((older.shape[0] + 1, len(self.listings)), dtype=np.int32)
        for was, now in _runs(self.kept):
            grown[:-1, now] = older[:, was]
            if self._usual:
                np.add(grown[:-1, now], self._usual, out=grown[:-1, now], where=older[:, was] >= 0)
        lines = older[:, self._unusual]
        grown[:-1, self.kept[self._unusual]] = np.where(lines >= 0, lines + self._other, lines)
        grown[:, self._added()] = NO_BAR
        grown[-1] = NO_BAR
        grown[-1, self._columns] = np.where(self._traded, self.height - 1, HALTED)
        return frozen(grown)

    def _added(self) -> NDArray[np.int64]:
        return np.setdiff1d(np.arange(len(self.listings)), self.kept)


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


def _move(older: NDArray[Number], grown: NDArray[Number], moved: int, empty: float) -> None:
    """Row r goes to row r + moved; rows nothing goes to are `empty`."""
    begin, end = max(0, -moved), min(older.shape[0], grown.shape[0] - moved)
    grown[: begin + moved] = empty
    grown[begin + moved : end + moved] = older[begin:end]
    grown[end + moved :] = empty
