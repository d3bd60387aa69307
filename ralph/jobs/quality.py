"""A quality run: bars read by COPY, looked at in a thread, the report stored; and the run over a file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg

from ralph.brokers.files import read_bars
from ralph.config import QualityConfig
from ralph.market.calendar import Calendar, day_of
from ralph.market.panel import Panel
from ralph.market.quality import Coverage, Examination, HoleCalendar, examine, hole_calendar
from ralph.market.rules import FileBars
from ralph.market.symbol import Symbol, is_korean
from ralph.store.bars import load_bars
from ralph.store.database import Database
from ralph.store.quality_runs import QualityRun, one_at_a_time, record_run, take_snapshot


async def run_quality(database: Database, workspace: str, calendar: Calendar, config: QualityConfig) -> QualityRun:
    """Look at all bars of a workspace and store what is found. NotReady while another run of it is under way, NotFound
    for an unknown workspace, DatabaseDown."""
    return (await run_and_cover(database, workspace, calendar, config))[0]


async def run_and_cover(
    database: Database, workspace: str, calendar: Calendar, config: QualityConfig
) -> tuple[QualityRun, tuple[Coverage, ...]]:
    """As `run_quality`; with it comes the coverage of every Session."""
    started_at = datetime.now(UTC)
    async with database.acquire() as connection, one_at_a_time(connection, workspace):
        snapshot = await take_snapshot(connection, workspace, database.acquire)
        found = await asyncio.to_thread(examine, snapshot.bars, calendar, day_of(started_at), config.coverage_pct)
        return await record_run(connection, snapshot, found, started_at, config.runs_kept), found.coverages


def examine_file(
    path: Path, overrides: Mapping[str, str], calendar: Calendar, config: QualityConfig, today: date | None = None
) -> tuple[FileBars, Examination]:
    """The same over a file, without any server; blocks. Raises BadFile, TooLarge, BadParameter."""
    day = today or day_of(datetime.now(UTC))
    read = read_bars(path, overrides, today=day)
    return read, examine(read.columns, calendar, day, config.coverage_pct)


async def load_holes(connection: asyncpg.Connection, panel: Panel, symbol: Symbol, calendar: Calendar) -> HoleCalendar:
    """The holes of a Symbol up to the newest Session of its workspace. UnknownSymbol where that has none."""
    bars = await load_bars(connection, panel.workspace, symbol)
    known = calendar if is_korean(bars.listings[0]) else None
    return await asyncio.to_thread(hole_calendar, bars, known, panel.sessions)
