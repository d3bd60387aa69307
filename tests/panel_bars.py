"""What tests of Panels share: bars written to a database, Panels compared bit by bit."""

from __future__ import annotations

import asyncpg
import numpy as np

from ralph.market.adjustment import ADJUSTED
from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.panel import FIELDS, Panel
from ralph.market.symbol import Listing

_SYMBOL = """
INSERT INTO symbols (workspace_id, code, name, name_en, market, kind, sector, listed_on, delisted_on)
     SELECT id, $2, $3, $4, $5, $6, $7, $8, $9
       FROM workspaces
      WHERE name = $1
  RETURNING id
"""
_COLUMNS = ("symbol_id", "session_on", *BAR_COLUMNS[2:], "source_id", "adjusted")


async def store_bars(connection: asyncpg.Connection, workspace: str, bars: BarColumns) -> None:
    """Writes bars in the order of days, so that it differs from the one they are wanted in."""
    ids = [await store_symbol(connection, workspace, listing) for listing in bars.listings]
    for year in np.unique(bars.day.astype("datetime64[Y]")).astype(int) + 1970:
        await connection.execute("SELECT ensure_daily_partition($1)", int(year))
    numbers = [getattr(bars, name) for name in BAR_COLUMNS[2:]]
    records = [
        (ids[bars.symbol[bar]], bars.day[bar].item(), *(column[bar].item() for column in numbers), 1, True)
        for bar in np.argsort(bars.day, kind="stable")
    ]
    await connection.copy_records_to_table("bars_daily", records=records, columns=_COLUMNS)
    await connection.execute("UPDATE workspaces SET data_version = data_version + 1 WHERE name = $1", workspace)


async def store_symbol(connection: asyncpg.Connection, workspace: str, listing: Listing) -> int:
    """The id of the new Symbol."""
    values = [getattr(listing, name) for name in Listing.__struct_fields__[:8]]  # what the simulator knows
    symbol_id: int = await connection.fetchval(_SYMBOL, workspace, *values)
    return symbol_id


def assert_same(panel: Panel, other: Panel) -> None:
    """Bit by bit."""
    assert panel.listings == other.listings
    pairs = {name: (getattr(panel, name), getattr(other, name)) for name in ("sessions", "rows", "first", "flags")}
    pairs |= {name: (panel.fields[name], other.fields[name]) for name in FIELDS}
    assert panel.actions == other.actions
    pairs["raw"] = (panel.raw.columns, other.raw.columns)
    pairs |= {f"raw {name}": (panel.raw.fields[name], other.raw.fields[name]) for name in ADJUSTED}
    for name, (one, two) in pairs.items():
        assert (one.dtype, one.shape) == (two.dtype, two.shape), name
        assert one.tobytes() == two.tobytes(), name
