"""A process of its own that takes Session after Session in, and the Panel with it, until it is killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg
import numpy as np

from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.rules import simulated_bars
from ralph.simulator.market import simulate
from ralph.store import panel_files
from ralph.store.ingest import import_bars
from ralph.store.panels import PanelStore

SESSIONS = 30
MARKET = simulate(3, date(2026, 1, 9), SESSIONS, 20)

_STORED = "SELECT count(DISTINCT session_on) FROM bars_daily"


def sessions(first: int, last: int) -> BarColumns:
    """The bars of some Sessions by number, with all listings."""
    days = np.unique(MARKET.day)
    rows = np.isin(MARKET.day, days[first:last])
    return replace(MARKET, **{name: getattr(MARKET, name)[rows] for name in BAR_COLUMNS})


def grow_for_ever(url: str, folder: str) -> None:
    """Writes row by row, so that there is time to be killed in."""
    panel_files._PIECE_BYTES = 1

    async def grow() -> None:
        connection = await asyncpg.connect(url)
        for number in range(await connection.fetchval(_STORED), SESSIONS):
            await import_bars(connection, "main", simulated_bars(sessions(number, number + 1), "day"))
            await PanelStore(Path(folder)).load(connection, "main")

    asyncio.run(grow())
