"""What stands beside the bars of a Panel: net buying by investor class, and index closes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.market.symbol import Symbol

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

FLOW_FIELDS = ("foreign_value", "institution_value", "individual_value", "foreign_shares", "institution_shares")
"""Net buying of a Session, positive where more was bought than sold: in won, then in shares."""

INDEX_CLOSE = "index_close"
"""The close of the index of a Symbol's market, in points."""

BESIDE_FIELDS = (*FLOW_FIELDS, INDEX_CLOSE)

KOSPI, KOSDAQ = "KOSPI", "KOSDAQ"

Line: TypeAlias = tuple[NDArray[np.datetime64], FloatArray]
"""Days in order, and a number of each."""


_NO_LINE: Line = (np.empty(0, dtype="datetime64[D]"), np.empty(0))


@dataclass(frozen=True, eq=False)
class Beside:
    """Flows by row, index closes by Session; in no order, no key twice.

    codes    the Symbols that have flows; `symbol` int32 [rows] points into them, `day` datetime64[D] [rows]
    flows    float64 [rows] for each of FLOW_FIELDS, NaN where a source says nothing; empty where there are no flows
    indices  days and closes of each index by its code
    markets  days and the won that foreigners bought net on each market as a whole, by its name
    """

    codes: tuple[Symbol, ...] = ()
    symbol: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int32))
    day: NDArray[np.datetime64] = field(default_factory=lambda: np.empty(0, dtype="datetime64[D]"))
    flows: Mapping[str, FloatArray] = field(default_factory=dict)
    indices: Mapping[str, Line] = field(default_factory=dict)
    markets: Mapping[str, Line] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Place:
    """Where the bars of a Panel stand: its Sessions, the map `rows` [sessions, symbols], its height in bars, and the
    column of each Symbol."""

    sessions: NDArray[np.datetime64]
    rows: IntArray
    bar_count: int
    columns: Mapping[Symbol, int]


def spread_flow(beside: Beside, name: str, place: Place) -> FloatArray:
    """One of FLOW_FIELDS at the Symbols' traded bars: float64 [bars, symbols], NaN where there is nothing."""
    spread = np.full((place.bar_count, place.rows.shape[1]), np.nan)
    if name not in beside.flows or not place.sessions.size:
        return _closed(spread)
    column_of = np.array([place.columns.get(code, -1) for code in beside.codes], dtype=np.int64)
    column = column_of[beside.symbol]
    session = np.searchsorted(place.sessions, beside.day)
    session[session == place.sessions.size] = 0
    known = np.flatnonzero((column >= 0) & (place.sessions[session] == beside.day))
    column, session = column[known], session[known]
    row = place.rows[session, column]
    traded = row >= 0
    spread[row[traded], column[traded]] = beside.flows[name][known[traded]]
    return _closed(spread)


def spread_index(beside: Beside, is_kosdaq: NDArray[np.bool_], place: Place) -> FloatArray:
    """The close of KOSDAQ for its Symbols and of KOSPI for all others at each traded bar: float64 [bars, symbols]."""
    spread = np.full((place.bar_count, place.rows.shape[1]), np.nan)
    if not beside.indices:
        return _closed(spread)
    closes = {name: _on_sessions(beside, name, place.sessions) for name in (KOSPI, KOSDAQ)}
    for session in range(place.sessions.size):
        row = place.rows[session]
        traded = np.flatnonzero(row >= 0)
        value = np.where(is_kosdaq[traded], closes[KOSDAQ][session], closes[KOSPI][session])
        spread[row[traded], traded] = value
    return _closed(spread)


def bought_on_markets(beside: Beside, names: Iterable[str], on: date) -> float | None:
    """Won that foreigners bought net on these markets together on a day; None where one of them is not known."""
    total, day = 0.0, np.datetime64(on, "D")
    for name in names:
        days, bought = beside.markets.get(name, _NO_LINE)
        at = int(np.searchsorted(days, day))
        if at == days.size or days[at] != day or np.isnan(bought[at]):
            return None
        total += float(bought[at])
    return total


def _on_sessions(beside: Beside, name: str, sessions: NDArray[np.datetime64]) -> FloatArray:
    closes = np.full(sessions.size, np.nan)
    if name in beside.indices:
        day, close = beside.indices[name]
        at = np.searchsorted(sessions, day)
        at[at == sessions.size] = 0
        known = sessions[at] == day
        closes[at[known]] = close[known]
    return closes


def _closed(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
