"""Importing a file: read and checked in a thread, stored in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from ralph.brokers.files import read_actions, read_bars, read_dated, read_symbols
from ralph.errors import BadParameter
from ralph.market.sessions import SEOUL
from ralph.store.action_files import import_actions
from ralph.store.database import Database
from ralph.store.dated import import_dated
from ralph.store.imports import ImportReport
from ralph.store.ingest import import_bars
from ralph.store.master import import_symbols

ImportKind = Literal["bars", "symbols", "shares", "flows", "index", "actions"]

Progress = Callable[[str, int, int], None]
"""Told (phase, rows done, rows in all)."""


@dataclass(frozen=True)
class FileImport:
    """What to import: overrides maps a field to a column's name; adjusted says what the prices are (bars only); as_of
    is the day of which a file without dates speaks (Symbols: today when None)."""

    path: Path
    kind: ImportKind
    workspace: str = "main"
    overrides: Mapping[str, str] = field(default_factory=dict)
    adjusted: bool = True
    dry_run: bool = False
    as_of: date | None = None


async def import_file(
    database: Database, order: FileImport, progress: Progress = lambda phase, done, total: None
) -> ImportReport:
    """Read, check and store a file; all of it or nothing. Raises BadFile, BadParameter, DatabaseDown."""
    _check_day(order.as_of)
    progress("read", 0, 0)
    if order.kind == "bars":
        bars = await asyncio.to_thread(read_bars, order.path, order.overrides)
        async with database.acquire() as connection:
            return await import_bars(
                connection, order.workspace, bars, adjusted=order.adjusted, dry_run=order.dry_run, progress=progress
            )
    if order.kind == "actions":
        actions = await asyncio.to_thread(read_actions, order.path, order.overrides)
        async with database.acquire() as connection:
            return await import_actions(connection, order.workspace, actions, dry_run=order.dry_run, progress=progress)
    if order.kind != "symbols":
        read = partial(read_dated, order.path, order.kind, order.overrides, as_of=order.as_of)
        rows = await asyncio.to_thread(read)
        async with database.acquire() as connection:
            return await import_dated(connection, order.workspace, rows, dry_run=order.dry_run, progress=progress)
    symbols = await asyncio.to_thread(read_symbols, order.path, order.overrides)
    async with database.acquire() as connection:
        return await import_symbols(
            connection, order.workspace, symbols, as_of=order.as_of, dry_run=order.dry_run, progress=progress
        )


def _check_day(as_of: date | None) -> None:
    today = datetime.now(UTC).astimezone(SEOUL).date()
    if as_of is not None and not date(1900, 1, 1) <= as_of <= today:
        accepted = f"a day from 1900-01-01 to {today}"
        raise BadParameter(f"a file cannot speak of {as_of}; give {accepted}", field="as_of", accepted=accepted)
