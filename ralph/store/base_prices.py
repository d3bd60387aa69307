"""Base prices that are not the last close, as files of raw bars gave them: they tell of splits and the like."""

from __future__ import annotations

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.proposals import changed_bases
from ralph.store.imports import STATEMENT_S

# Bars that replace others are staged: what an earlier file said about their days is forgotten.
_FORGET = """
    DELETE FROM base_prices b
          USING staged s
          WHERE b.symbol_id = s.symbol_id AND b.session_on = s.session_on
"""

_STORE = """
    INSERT INTO base_prices (symbol_id, session_on, price)
         SELECT *
           FROM unnest($1::integer[], $2::date[], $3::double precision[])
    ON CONFLICT (symbol_id, session_on)
      DO UPDATE SET price = EXCLUDED.price
"""

_LOAD = """
  SELECT s.code, b.session_on, b.price
    FROM base_prices b
    JOIN symbols s ON s.id = b.symbol_id
    JOIN workspaces w ON w.id = s.workspace_id
   WHERE w.name = $1
"""


async def store_bases(
    connection: asyncpg.Connection,
    columns: BarColumns,
    base: NDArray[np.float64],
    ids: NDArray[np.int32],
    previous_close: NDArray[np.float64],
) -> None:
    """Keeps those of a staged file's base prices [bars] that say something; ids and closes are those of its Symbols."""
    kept = np.flatnonzero(changed_bases(columns, base, previous_close))
    await connection.execute(_FORGET, timeout=STATEMENT_S)
    values = [ids[columns.symbol[kept]].tolist(), columns.day[kept].tolist(), base[kept].tolist()]
    await connection.execute(_STORE, *values, timeout=STATEMENT_S)


async def load_bases(connection: asyncpg.Connection, workspace: str, bars: BarColumns) -> NDArray[np.float64]:
    """The base price of each bar by (symbol, day), NaN where none was kept: [bars]."""
    base = np.full(len(bars), np.nan)
    rows = await connection.fetch(_LOAD, workspace, timeout=STATEMENT_S)
    place = {listing.symbol: column for column, listing in enumerate(bars.listings)}
    known = [(place[row["code"]], row["session_on"], row["price"]) for row in rows if row["code"] in place]
    if not known:
        return base
    columns, days, prices = zip(*known, strict=True)
    key = bars.symbol.astype(np.int64) << 32 | bars.day.astype(np.int64)
    wanted = np.array(columns, dtype=np.int64) << 32 | np.array(days, dtype="datetime64[D]").astype(np.int64)
    at = np.minimum(np.searchsorted(key, wanted), max(0, key.size - 1))
    found = key[at] == wanted
    base[at[found]] = np.array(prices)[found]
    return base
