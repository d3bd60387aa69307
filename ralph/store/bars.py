"""Reading stored bars as columns: daily ones of a whole workspace or of one Symbol, and minute bars of one Symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import numpy as np
from asyncpg import Connection, Record
from numpy.typing import NDArray

from ralph.errors import UnknownSymbol
from ralph.market.columns import BarColumns, sorted_bars
from ralph.market.minutes import MinuteColumns
from ralph.market.symbol import Listing, Symbol
from ralph.store.listings import listings_of

IdArray = NDArray[np.int64]

_CHUNK_BYTES = 1 << 20  # parsed in a thread at a time; one more may be filling, so 2 MB of raw rows are held

_ROOM_WORKSPACE = 1 << 23  # rows; ten years of 3,000 Symbols
_ROOM_SYMBOL = 1 << 14

_COPY_TIMEOUT_S = 600.0

_LISTINGS = """
  SELECT symbols.id, code, symbols.name, name_en, market, kind, sector, listed_on, delisted_on, industry, isin, state
    FROM symbols
    JOIN workspaces ON workspaces.id = workspace_id
   WHERE workspaces.name = $1
ORDER BY code COLLATE "C"
"""

# No join and no order: ids of a workspace lie close together and strangers among them are dropped here; merging the
# yearly partitions by key would cost Postgres more than all the rest.
_BARS = """
SELECT (symbol_id::bigint << 32) | ((session_on - DATE '0001-01-01') << 8) | flags | ((NOT adjusted)::integer << 7),
       open, high, low, close, volume, value
  FROM bars_daily
 WHERE symbol_id BETWEEN $1 AND $2
   AND session_on >= $3
"""

_LISTING = """
SELECT symbols.id, code, symbols.name, name_en, market, kind, sector, listed_on, delisted_on, industry, isin, state
  FROM symbols
  JOIN workspaces ON workspaces.id = workspace_id
 WHERE workspaces.name = $1
   AND code = $2
"""

_BARS_OF_SYMBOL = """
  SELECT (symbol_id::bigint << 32) | ((session_on - DATE '0001-01-01') << 8) | flags | ((NOT adjusted)::integer << 7),
         open, high, low, close, volume, value
    FROM bars_daily
   WHERE symbol_id = $1
     AND session_on BETWEEN $2 AND $3
ORDER BY session_on
"""

# Minutes since 1970 need 25 bits, one more than a day has in the key: the highest lie where the Symbol's id would.
_MINUTES_OF_SYMBOL = """
  SELECT ((extract(epoch FROM opened_at)::bigint / 60) << 8) | flags,
         open, high, low, close, volume, value
    FROM (SELECT opened_at, flags, open, high, low, close, volume, value
            FROM bars_minute
           WHERE symbol_id = $1
             AND opened_at < $2
        ORDER BY opened_at DESC
           LIMIT $3) AS newest
ORDER BY opened_at
"""

# A row of COPY BINARY: the number of columns, then each value behind its length. No column can be NULL, so that all
# rows have one size. Symbol, day and flags (8 bits, as in the Panel, the highest for raw prices) travel as one number:
# every column costs a call.
_PRICES = ("open", "high", "low", "close", "volume", "value")
_ROW = np.dtype(
    [("count", ">i2"), ("key_length", ">i4"), ("key", ">i8")]
    + [pair for name in _PRICES for pair in ((f"{name}_length", ">i4"), (name, ">f8"))]
)
_WIDTH = 8  # of every value
_LENGTHS = ("key_length", *(f"{name}_length" for name in _PRICES))
_KEPT_AS = {"symbol_id": "i4", "day": "i4", **dict.fromkeys(_PRICES, "f8"), "flags": "u1"}
_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER_BYTES = len(_SIGNATURE) + 8
_TRAILER = b"\xff\xff"
_STRANGER = -1
_ID_MAX = 2**31 - 1
_EPOCH = np.datetime64("0001-01-01", "D")  # where the queries count their days from


async def load_columns(connection: Connection, workspace: str, since: date = date.min) -> BarColumns:
    """All daily bars of a workspace from a Session on, by (symbol, day); its listings are the Symbols that have any."""
    return await asyncio.to_thread(sorted_bars, await load_unsorted(connection, workspace, since))


async def load_unsorted(connection: Connection, workspace: str, since: date = date.min) -> BarColumns:
    """The same in the order in which Postgres finds them, which is all a Panel needs.

    The event loop only receives: rows are parsed in a thread.
    """
    records = await connection.fetch(_LISTINGS, workspace)
    ids = np.array([record["id"] for record in records], dtype=np.int64)
    listings = await listings_of(connection, records)
    rows = _Rows(_ROOM_WORKSPACE)
    await _copy(connection, rows, _BARS, int(ids.min(initial=_ID_MAX)), int(ids.max(initial=0)), since)
    return await asyncio.to_thread(lambda: _with_bars(rows.columns(ids, listings)))


async def load_bars(
    connection: Connection, workspace: str, symbol: Symbol, since: date = date.min, until: date = date.max
) -> BarColumns:
    """One Symbol's daily bars as stored from `since` to `until`, both included; UnknownSymbol where there is none."""
    record = await _find(connection, workspace, symbol)
    rows = _Rows(_ROOM_SYMBOL)
    await _copy(connection, rows, _BARS_OF_SYMBOL, record["id"], since, until)
    return rows.columns(np.array([record["id"]], dtype=np.int64), await listings_of(connection, [record]))


async def load_minutes(
    connection: Connection, workspace: str, symbol: Symbol, until: datetime, limit: int
) -> MinuteColumns:
    """One Symbol's newest minute bars that begin before an instant (aware), at most `limit`; UnknownSymbol where the
    workspace has none."""
    record = await _find(connection, workspace, symbol)
    rows = _Rows(_ROOM_SYMBOL)
    await _copy(connection, rows, _MINUTES_OF_SYMBOL, record["id"], until, limit)
    (listing,) = await listings_of(connection, [record])
    return rows.minutes(listing)


async def _find(connection: Connection, workspace: str, symbol: Symbol) -> Record:
    record = await connection.fetchrow(_LISTING, workspace, symbol)
    if record is None:
        raise UnknownSymbol(
            f"no Symbol {symbol} in the workspace {workspace}; ralph symbols lists those there are", field="symbol"
        )
    return record


async def _copy(connection: Connection, rows: _Rows, query: str, *values: object) -> None:
    """Parses a chunk in a thread while the next one arrives; at most one of each exists."""
    received = bytearray()
    parsing: asyncio.Task[None] | None = None

    async def receive(piece: bytes) -> None:
        nonlocal received, parsing
        received += piece
        if len(received) >= _CHUNK_BYTES:
            if parsing:
                await parsing
            parsing = asyncio.create_task(asyncio.to_thread(rows.parse, received))
            received = bytearray()

    try:
        await connection.copy_from_query(query, *values, output=receive, format="binary", timeout=_COPY_TIMEOUT_S)
    except asyncio.CancelledError:
        # asyncpg cannot leave a COPY in the midst: whatever it is asked next fails, and the rest that arrives with it.
        connection.terminate()
        raise
    finally:
        if parsing:
            await parsing
    await asyncio.to_thread(rows.parse, received, last=True)


class _Rows:
    """Rows of the queries above in the order they come, as columns."""

    def __init__(self, room: int) -> None:
        """`room` for rows to begin with: memory not written to is not taken, growing means copying."""
        self._columns: dict[str, NDArray[Any]] = {name: np.empty(room, dtype=kind) for name, kind in _KEPT_AS.items()}
        self._room = room
        self._count = 0
        self._cut = b""
        self._begun = False

    def parse(self, received: bytearray, last: bool = False) -> None:
        """Takes what came since, down to the last whole row."""
        buffer = self._cut + bytes(received)
        begin = 0
        if not self._begun:
            assert buffer.startswith(_SIGNATURE), "COPY BINARY begins with its signature"
            begin, self._begun = _HEADER_BYTES, True
        end = len(buffer) - len(_TRAILER) if last else len(buffer)
        count = (end - begin) // _ROW.itemsize
        rows = np.frombuffer(buffer, dtype=_ROW, count=count, offset=begin)
        self._cut = buffer[begin + count * _ROW.itemsize :]
        assert not last or self._cut == _TRAILER, "COPY BINARY ends with its trailer"
        assert all((rows[name] == _WIDTH).all() for name in _LENGTHS), "a column is NULL or of another type"
        self._make_room(self._count + count)
        key = rows["key"].astype(np.int64)
        values = {"symbol_id": key >> 32, "day": key >> 8 & 0xFFFFFF, "flags": key & 0xFF}
        for name, column in self._columns.items():
            column[self._count : self._count + count] = rows[name] if name in _PRICES else values[name]
        self._count += count

    def _make_room(self, needed: int) -> None:
        if needed <= self._room:
            return
        self._room = max(needed, 2 * self._room)
        for name, column in self._columns.items():
            larger = np.empty(self._room, dtype=column.dtype)
            larger[: self._count] = column[: self._count]
            self._columns[name] = larger

    def columns(self, ids: IdArray, listings: Sequence[Listing]) -> BarColumns:
        """The bars of these Symbols as they came; `ids` are those of the listings, in their order."""
        taken = {name: column[: self._count] for name, column in self._columns.items()}
        symbol = taken.pop("symbol_id")
        column_of = np.full(max(ids.max(initial=0), symbol.max(initial=0)) + 1, _STRANGER, dtype=np.int32)
        column_of[ids] = np.arange(ids.size)
        column = column_of[symbol]
        known = column != _STRANGER
        if not known.all():
            column = column[known]
            taken = {name: values[known] for name, values in taken.items()}
        return BarColumns(
            tuple(listings),
            column,
            _EPOCH + taken.pop("day").astype("timedelta64[D]"),
            *(taken.pop(name) for name in (*_PRICES, "flags")),
        )

    def minutes(self, listing: Listing) -> MinuteColumns:
        """The minute bars of one Symbol as they came."""
        taken = {name: column[: self._count] for name, column in self._columns.items()}
        minute = (taken["symbol_id"].astype(np.int64) << 24) | taken["day"]
        opened_at = minute.astype("datetime64[m]").astype("datetime64[s]")
        symbol = np.zeros(self._count, dtype=np.int32)
        return MinuteColumns((listing,), symbol, opened_at, *(taken[name] for name in (*_PRICES, "flags")))


def _with_bars(bars: BarColumns) -> BarColumns:
    """Without the Symbols that have no bars."""
    has_bars = np.bincount(bars.symbol, minlength=len(bars.listings)) > 0
    if has_bars.all():
        return bars
    column = (np.cumsum(has_bars) - 1).astype(np.int32)
    return replace(
        bars,
        listings=tuple(listing for listing, kept in zip(bars.listings, has_bars, strict=True) if kept),
        symbol=column[bars.symbol],
    )
