"""Reading stored bars as columns: daily ones of a whole workspace or of one Symbol, and minute bars of one Symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from asyncpg import Connection, Record

from ralph.errors import Unavailable, UnknownSymbol
from ralph.market.columns import BarColumns, sorted_bars
from ralph.market.minutes import MinuteColumns
from ralph.market.symbol import Listing, Symbol
from ralph.store.bar_rows import ROOM_SYMBOL, ROOM_WORKSPACE, BarRows, IdArray, copy_rows
from ralph.store.listings import listings_of

_READERS_MAX = 4  # connections that read a workspace at once: more than cores, since each waits for us at times
_ID_MAX = 2**31 - 1
_YEARS_KNOWN = (1900, 2100)  # bars of other years are read with the first and the last that has some

Readers: TypeAlias = Callable[[], AbstractAsyncContextManager[Connection]]
"""Where further connections to the same database come from, each for as long as it is held."""

_LISTINGS = """
  SELECT symbols.id, code, symbols.name, name_en, market, kind, sector, listed_on, delisted_on, industry, isin, state
    FROM symbols
    JOIN workspaces ON workspaces.id = workspace_id
   WHERE workspaces.name = $1
ORDER BY code COLLATE "C"
"""

_SNAPSHOT = "SELECT pg_export_snapshot()"

# Each year is a partition, or some chunks: one row is looked for in each.
_YEARS = """
  SELECT year
    FROM generate_series($1::integer, $2::integer) AS year
   WHERE EXISTS (SELECT
                   FROM bars_daily
                  WHERE session_on >= make_date(year, 1, 1)
                    AND session_on < make_date(year + 1, 1, 1))
ORDER BY year
"""

# No join and no order: ids of a workspace lie close together and strangers among them are dropped here; merging the
# yearly partitions by key would cost Postgres more than all the rest.
_BARS = """
SELECT (symbol_id::bigint << 32) | ((session_on - DATE '0001-01-01') << 8) | flags | ((NOT adjusted)::integer << 7),
       lseg(point(open, high), point(low, close)), point(volume, value)
  FROM bars_daily
 WHERE symbol_id BETWEEN $1 AND $2
   AND session_on >= $3
   AND session_on < $4
"""

# OFFSET 0 keeps the planner at the primary key of each Symbol: a year of all is not looked through for its last day.
_BARS_SINCE = """
SELECT b.*
  FROM unnest($1::integer[]) AS given (symbol_id)
 CROSS JOIN LATERAL (SELECT (b.symbol_id::bigint << 32) | ((session_on - DATE '0001-01-01') << 8) | flags
                            | ((NOT adjusted)::integer << 7),
                            lseg(point(open, high), point(low, close)), point(volume, value)
                       FROM bars_daily b
                      WHERE b.symbol_id = given.symbol_id AND session_on >= $2
                     OFFSET 0) AS b
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
         lseg(point(open, high), point(low, close)), point(volume, value)
    FROM bars_daily
   WHERE symbol_id = $1
     AND session_on BETWEEN $2 AND $3
ORDER BY session_on
"""

# Minutes since 1970 need 25 bits, one more than a day has in the key: the highest lie where the Symbol's id would.
_MINUTES_OF_SYMBOL = """
  SELECT ((extract(epoch FROM opened_at)::bigint / 60) << 8) | flags | ((NOT adjusted)::integer << 7),
         lseg(point(open, high), point(low, close)), point(volume, value)
    FROM (SELECT opened_at, flags, adjusted, open, high, low, close, volume, value
            FROM bars_minute
           WHERE symbol_id = $1
             AND opened_at < $2
        ORDER BY opened_at DESC
           LIMIT $3) AS newest
ORDER BY opened_at
"""


async def load_columns(
    connection: Connection, workspace: str, since: date = date.min, *, more: Readers | None = None
) -> BarColumns:
    """All daily bars of a workspace from a Session on, by (symbol, day); its listings are the Symbols that have any."""
    bars = await load_unsorted(connection, workspace, since, more=more)
    return await asyncio.to_thread(sorted_bars, bars)


async def load_unsorted(
    connection: Connection, workspace: str, since: date = date.min, *, more: Readers | None = None
) -> BarColumns:
    """The same in the order in which Postgres finds them, which is all a Panel needs.

    The event loop only receives: rows are parsed in threads.

    more  further connections, to read on several at once what this one sees, which must be in a transaction of the
          level repeatable read; as many as there are to be had
    """
    ids, listings = await _listings(connection, workspace)
    rows = BarRows(ROOM_WORKSPACE)
    range_ = (int(ids.min(initial=_ID_MAX)), int(ids.max(initial=0)))
    spans = await _spans(connection, since) if more is not None else [(since, date.max)]

    async def read(reader: Connection) -> None:
        try:
            while spans:
                await copy_rows(reader, rows, _BARS, *range_, *spans.pop(), patiently=True)
        except BaseException:
            spans.clear()  # the others need not go on
            raise

    await _together(connection, read, more, min(_READERS_MAX, len(spans)) - 1)
    return await asyncio.to_thread(lambda: _with_bars(rows.columns(ids, listings)))


async def load_newest(connection: Connection, workspace: str, since: date) -> BarColumns:
    """The same of a few Sessions at the end, found one Symbol at a time."""
    ids, listings = await _listings(connection, workspace)
    rows = BarRows(ROOM_SYMBOL)
    await copy_rows(connection, rows, _BARS_SINCE, ids.tolist(), since)
    return await asyncio.to_thread(lambda: _with_bars(rows.columns(ids, listings)))


async def _listings(connection: Connection, workspace: str) -> tuple[IdArray, list[Listing]]:
    records = await connection.fetch(_LISTINGS, workspace)
    ids = np.array([record["id"] for record in records], dtype=np.int64)
    return ids, await listings_of(connection, records)


async def _spans(connection: Connection, since: date) -> list[tuple[date, date]]:
    """Days from and until which to read, the latter excluded: one span for each year that has bars."""
    years = [row["year"] for row in await connection.fetch(_YEARS, *_YEARS_KNOWN)]
    cuts = [since, *(day for year in years[1:] if (day := date(year, 1, 1)) > since), date.max]
    return list(pairwise(cuts))


async def _together(
    connection: Connection, read: Callable[[Connection], Awaitable[None]], more: Readers | None, others: int
) -> None:
    """Runs `read` on this connection, and on so many others as there are to be had, which see the same."""

    async def also(readers: Readers, snapshot: str) -> None:
        async with AsyncExitStack() as held:
            try:
                other = await held.enter_async_context(readers())
            except Unavailable:
                return
            await held.enter_async_context(other.transaction(isolation="repeatable_read", readonly=True))
            await other.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")  # takes no parameters; the text is Postgres'
            await read(other)

    tasks = [read(connection)]
    if more is not None and others > 0:
        snapshot = await connection.fetchval(_SNAPSHOT)
        tasks += [also(more, snapshot) for _ in range(others)]
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if ended is not None:
            raise ended


async def load_bars(
    connection: Connection, workspace: str, symbol: Symbol, since: date = date.min, until: date = date.max
) -> BarColumns:
    """One Symbol's daily bars as stored from `since` to `until`, both included; UnknownSymbol where there is none."""
    record = await _find(connection, workspace, symbol)
    rows = BarRows(ROOM_SYMBOL)
    await copy_rows(connection, rows, _BARS_OF_SYMBOL, record["id"], since, until)
    return rows.columns(np.array([record["id"]], dtype=np.int64), await listings_of(connection, [record]))


async def load_minutes(
    connection: Connection, workspace: str, symbol: Symbol, until: datetime, limit: int
) -> MinuteColumns:
    """One Symbol's newest minute bars that begin before an instant (aware), at most `limit`; UnknownSymbol where the
    workspace has none."""
    record = await _find(connection, workspace, symbol)
    rows = BarRows(ROOM_SYMBOL)
    await copy_rows(connection, rows, _MINUTES_OF_SYMBOL, record["id"], until, limit)
    (listing,) = await listings_of(connection, [record])
    return rows.minutes(listing)


async def _find(connection: Connection, workspace: str, symbol: Symbol) -> Record:
    record = await connection.fetchrow(_LISTING, workspace, symbol)
    if record is None:
        raise UnknownSymbol(
            f"no Symbol {symbol} in the workspace {workspace}; ralph symbols lists those there are", field="symbol"
        )
    return record


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
