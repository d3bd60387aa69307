"""Fills the workspace `demo` with the simulated market, when there is nothing else to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from ralph.market.adjustment import Action, ActionKind
from ralph.market.rules import simulated_bars
from ralph.market.sessions import last_completed_session
from ralph.simulator.market import COMPANIES, SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.simulator.truth import Truth
from ralph.store.action_files import write_actions
from ralph.store.database import Database
from ralph.store.imports import lock_workspace
from ralph.store.ingest import Progress, import_bars
from ralph.store.symbols import ensure_symbols

DEMO = "demo"

_IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM bars_daily)"


async def fill_demo(database: Database, say: Callable[[str], None], progress: Progress) -> None:
    """Simulate and store the demo market, unless the database has bars of any workspace already."""
    async with database.acquire() as connection:
        if not await connection.fetchval(_IS_EMPTY):
            return
        say(f"  no bars yet: simulating three years of {COMPANIES:,} invented companies…")
        progress("simulate", 0, 0)
        market = await asyncio.to_thread(_simulate)
        # The splits come first: without bars they mean nothing, and the bars are never seen without them.
        async with connection.transaction():
            place = await lock_workspace(connection, DEMO)
            await ensure_symbols(connection, place.id, market.bars_raw.listings)
            await write_actions(connection, place, simulated_actions(market.truth), "simulator")
        bars = simulated_bars(market.bars_raw, "simulated market")
        report = await import_bars(connection, DEMO, bars, adjusted=False, progress=progress)
        say(f"✓ simulated market: {report.stored:,} bars — invented companies, not real prices")


def _simulate() -> SimulatedMarket:
    last = last_completed_session(datetime.now(UTC))
    return simulate_market(SEED, last)


def simulated_actions(truth: Truth) -> list[Action]:
    """The simulated splits, reverse splits and bonus issues as actions."""
    kinds: dict[str, ActionKind] = {"split": "split", "reverse": "reverse_split", "bonus": "bonus"}
    return [Action(each.symbol, each.on, kinds[each.kind], each.ratio) for each in truth.actions]
