"""Reading listed shares and market caps of a workspace as columns of a Panel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np
from asyncpg import Connection

from ralph.market.capital import Capital
from ralph.market.columns import frozen
from ralph.market.symbol import Listing, Symbol

_TIMEOUT_S = 600.0

# One row a Symbol: arrays are parsed many times as fast as rows. Days are counted from the epoch of datetime64.
_CAPITAL = """
    SELECT s.code,
           array_agg(c.session_on - DATE '1970-01-01' ORDER BY c.session_on) AS days,
           array_agg(c.shares ORDER BY c.session_on)                         AS shares,
           array_agg(c.market_cap ORDER BY c.session_on)                     AS market_caps
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
 LEFT JOIN unnest($3::text[]) AS known (code) ON known.code = s.code
      JOIN symbol_shares c ON c.symbol_id = s.id
                          AND c.session_on >= CASE WHEN known.code IS NULL THEN DATE '-infinity' ELSE $2 END
     WHERE w.name = $1
  GROUP BY s.code
"""


async def load_capital(
    connection: Connection,
    workspace: str,
    listings: Sequence[Listing],
    *,
    known: Sequence[Symbol] = (),
    since: date = date.min,
) -> Capital:
    """What is stored of these Symbols, by (column, day); of those that are known only what was said from a day on."""
    place = {listing.symbol: column for column, listing in enumerate(listings)}
    found = await connection.fetch(_CAPITAL, workspace, since, known, timeout=_TIMEOUT_S)
    rows = [row for row in found if row["code"] in place]
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


class Said(msgspec.Struct, frozen=True):
    """What a source said of a Symbol's capital on a day: listed shares and won; None where it said only the other."""

    on: date
    shares: float | None
    market_cap: float | None


_OF_SYMBOL = """
    SELECT c.session_on, NULLIF(c.shares, 'NaN') AS shares, NULLIF(c.market_cap, 'NaN') AS market_cap
      FROM symbol_shares c
      JOIN symbols s ON s.id = c.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND s.code = $2
       AND c.session_on BETWEEN $3 AND $4
  ORDER BY c.session_on DESC
     LIMIT $5
"""


async def capital_of(
    connection: Connection,
    workspace: str,
    symbol: Symbol,
    *,
    since: date = date.min,
    until: date = date.max,
    limit: int = 1,
) -> list[Said]:
    """The newest statements about one Symbol between two days, both included; oldest first."""
    rows = await connection.fetch(_OF_SYMBOL, workspace, symbol, since, until, limit)
    return [Said(*row) for row in reversed(rows)]
