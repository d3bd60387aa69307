"""Fills the workspace `demo` with the simulated market, when there is nothing else to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from ralph.market.columns import BarColumns
from ralph.market.rules import simulated_bars
from ralph.market.sessions import last_completed_session
from ralph.simulator.market import COMPANIES, SEED, simulate
from ralph.store.database import Database
from ralph.store.ingest import Progress, import_bars

DEMO = "demo"

_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM bars_daily)"


async def fill_demo(database: Database, say: Callable[[str], None], progress: Progress) -> None:
    """Simulate and store the demo market, unless the database has bars of any workspace already."""
    async with database.acquire() as connection:
        if not await connection.fetchval(_IS_EMPTY):
            return
        say(f"  no bars yet: simulating three years of {COMPANIES:,} invented companies…")
        progress("simulate", 0, 0)
        columns = await asyncio.to_thread(_simulate)
        report = await import_bars(connection, DEMO, simulated_bars(columns, "simulated market"), progress=progress)
        say(f"✓ simulated market: {report.stored:,} bars — invented companies, not real prices")


def _simulate() -> BarColumns:
    last = last_completed_session(datetime.now(UTC))
    return simulate(SEED, last)
