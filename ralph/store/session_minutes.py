"""The stored minute bars of one Session, of all Symbols."""

from __future__ import annotations

from datetime import UTC, date, datetime

import asyncpg
import numpy as np

from ralph.market.calendar import day_of
from ralph.market.minutes import MinuteColumns
from ralph.market.symbol import Listing, Symbol
from ralph.store.wire import fetch_columns

_BARS = """
    SELECT b.symbol_id, b.opened_at, b.open, b.high, b.low, b.close, b.volume, b.value, b.flags
      FROM bars_minute b
      JOIN symbols s ON s.id = b.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1 AND b.opened_at BETWEEN $2 AND $3
  ORDER BY s.code COLLATE "C", b.opened_at
"""
_NUMBERS = ("open", "high", "low", "close", "volume", "value")
_KINDS = (
    ("symbol_id", "int4"),
    ("opened_at", "timestamptz"),
    *((name, "float8") for name in _NUMBERS),
    ("flags", "int2"),
)

_NEWEST = """
    SELECT max(b.opened_at)
      FROM bars_minute b
      JOIN symbols s ON s.id = b.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1 AND b.opened_at < $2
"""

_CODES = "SELECT id, code FROM symbols WHERE id = ANY($1::integer[])"


async def load_session_minutes(
    connection: asyncpg.Connection, workspace: str, span: tuple[int, int]
) -> MinuteColumns | None:
    """The bars that open between two instants (UTC nanoseconds, both included); None where there are none."""
    bounds = [datetime.fromtimestamp(at // 1_000_000_000, UTC) for at in span]
    rows = await fetch_columns(connection, _BARS, workspace, *bounds, kinds=_KINDS)
    if not rows["symbol_id"].size:
        return None
    ids, first = np.unique(rows["symbol_id"], return_index=True)
    ids = ids[np.argsort(first)]  # in order of code, as the rows come
    codes = dict(await connection.fetch(_CODES, ids.tolist()))
    place = {symbol_id: at for at, symbol_id in enumerate(ids.tolist())}
    return MinuteColumns(
        listings=tuple(Listing(Symbol(codes[each])) for each in ids.tolist()),
        symbol=np.array([place[each] for each in rows["symbol_id"].tolist()], dtype=np.int32),
        opened_at=rows["opened_at"].astype("datetime64[s]"),
        flags=rows["flags"].astype(np.uint8),
        **{name: rows[name] for name in _NUMBERS},
    )


async def newest_minutes_before(connection: asyncpg.Connection, workspace: str, at: datetime) -> date | None:
    """The newest day, in Seoul, that has minute bars before an instant."""
    found: datetime | None = await connection.fetchval(_NEWEST, workspace, at)
    return None if found is None else day_of(found)
