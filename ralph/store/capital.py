"""Reading listed shares and market caps of a workspace as columns of a Panel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from asyncpg import Connection

from ralph.market.capital import Capital
from ralph.market.columns import frozen
from ralph.market.symbol import Listing

_TIMEOUT_S = 600.0

# One row a Symbol: arrays are parsed many times as fast as rows. Days are counted from the epoch of datetime64.
_CAPITAL = """
    SELECT s.code,
           array_agg(c.session_on - DATE '1970-01-01' ORDER BY c.session_on) AS days,
           array_agg(c.shares ORDER BY c.session_on)                         AS shares,
           array_agg(c.market_cap ORDER BY c.session_on)                     AS market_caps
      FROM symbol_shares c
      JOIN symbols s ON s.id = c.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
  GROUP BY s.code
"""


async def load_capital(connection: Connection, workspace: str, listings: Sequence[Listing]) -> Capital:
    """What is stored of these Symbols, by (column, day)."""
    place = {listing.symbol: column for column, listing in enumerate(listings)}
    rows = [row for row in await connection.fetch(_CAPITAL, workspace, timeout=_TIMEOUT_S) if row["code"] in place]
    if not rows:
        return Capital.none()
    rows.sort(key=lambda row: place[row["code"]])
    columns = np.array([place[row["code"]] for row in rows], dtype=np.int32)
    counts = [len(row["days"]) for row in rows]
    days = np.concatenate([np.array(row["days"], dtype=np.int64) for row in rows])
    return Capital(
        column=frozen(np.repeat(columns, counts)),
        day=frozen(days.astype("datetime64[D]")),
        shares=frozen(np.concatenate([np.array(row["shares"], dtype=np.float64) for row in rows])),
        market_cap=frozen(np.concatenate([np.array(row["market_caps"], dtype=np.float64) for row in rows])),
    )
