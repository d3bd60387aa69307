"""The next Sessions of the simulated market, once their day has passed: counted from the same first one, what lies
before them stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import asyncpg
import msgspec
import numpy as np

from ralph.jobs.demo import DEMO, NAME, beside_bars, simulated_actions
from ralph.market.columns import BarColumns
from ralph.market.dated import FileDated, simulated_rows
from ralph.market.rules import FileBars, simulated_bars
from ralph.market.sessions import sessions_between
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.store.action_files import write_actions
from ralph.store.database import Database
from ralph.store.dated import import_dated
from ralph.store.imports import ImportReport, lock_workspace, touch_workspace
from ralph.store.ingest import import_bars
from ralph.store.symbols import ensure_symbols

Progress = Callable[[str, int, int], None]


class SimulatedDays(msgspec.Struct, frozen=True):
    """What was stored of the simulated market: Sessions after `after` up to `until`, and rows by kind of import."""

    after: date
    until: date
    sessions: int
    rows: dict[str, int]


_SPAN = """
    SELECT min(session_on) AS first, max(session_on) AS last
      FROM bars_daily b
      JOIN symbols s ON s.id = b.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
"""

_STORED = """
    SELECT r.kind
      FROM import_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1 AND r.id > $2
"""


async def extend_demo(database: Database, until: date, since_run: int, progress: Progress) -> SimulatedDays | None:
    """Store the Sessions that the demo workspace lacks up to one; None where it has no market at all.

    since_run  the import run after which this work began: what it stored before it was stopped is not stored again
    """
    async with database.acquire() as connection:
        span = await connection.fetchrow(_SPAN, DEMO)
        stored = {row["kind"] for row in await connection.fetch(_STORED, DEMO, since_run)}
    first, last = span["first"], span["last"]
    if first is None:
        return None
    days = [day for day in sessions_between(first, until) if day > last]
    if not days:
        return SimulatedDays(last, last, 0, {})
    progress("simulate", 0, 0)
    count = len(sessions_between(first, until))
    market = await asyncio.to_thread(simulate_market, SEED, until, count)
    bars, beside = await asyncio.to_thread(_later, market, last)
    rows: dict[str, int] = {}
    async with database.acquire() as connection:
        await _store_actions(connection, market, last)
        for file in beside:
            if file.kind not in stored:
                rows[file.kind] = (await import_dated(connection, DEMO, file, progress=progress)).stored
        # The bars come last: whoever is stopped before them begins again at the same Session.
        report: ImportReport = await import_bars(connection, DEMO, bars, adjusted=False, progress=progress)
    return SimulatedDays(last, until, len(days), rows | {"bars": report.stored})


async def _store_actions(connection: asyncpg.Connection, market: SimulatedMarket, after: date) -> None:
    actions = [action for action in simulated_actions(market.truth) if action.on > after]
    async with connection.transaction():
        place = await lock_workspace(connection, DEMO)
        _, added, learnt = await ensure_symbols(connection, place.id, market.listings)
        if any(await write_actions(connection, place, actions, "simulator")) or added or learnt:
            await touch_workspace(connection, place, None)


def _later(market: SimulatedMarket, after: date) -> tuple[FileBars, list[FileDated]]:
    """What lies after a Session: bars, and what is beside them."""
    day = np.datetime64(after, "D")
    whole = simulated_bars(market.bars_raw, NAME)
    at = np.flatnonzero(whole.columns.day > day)
    bars = replace(whole, columns=_taken(whole.columns, at), lines=whole.lines[at], rows_read=int(at.size))
    return bars, [_dated_later(file, day) for file in beside_bars(market)]


def _taken(columns: BarColumns, at: np.ndarray) -> BarColumns:
    names = ("symbol", "day", "open", "high", "low", "close", "volume", "value", "flags")
    return replace(columns, **{name: getattr(columns, name)[at] for name in names})


def _dated_later(file: FileDated, after: np.datetime64) -> FileDated:
    at = np.flatnonzero(file.rows.day > after)
    numbers = {name: values[at] for name, values in file.rows.numbers.items()}
    rows = replace(file.rows, key=file.rows.key[at], day=file.rows.day[at], numbers=numbers)
    return simulated_rows(file.kind, rows, NAME)
