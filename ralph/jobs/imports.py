"""Importing files: read and checked in a thread, stored in one transaction a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from ralph.brokers.files import read_actions, read_bars, read_dated, read_minutes, read_symbols
from ralph.errors import BadFile, BadParameter, BadRequest, TooLarge
from ralph.market.dated import DatedKind
from ralph.market.sessions import SEOUL
from ralph.store.action_files import import_actions
from ralph.store.database import Database
from ralph.store.dated import import_dated
from ralph.store.imports import ImportReport
from ralph.store.ingest import import_bars
from ralph.store.master import import_symbols
from ralph.store.minutes import import_minutes

ImportKind = Literal["bars", "minutes", "symbols", "shares", "flows", "market-flows", "index", "actions"]

ENDINGS = (".csv", ".csv.gz", ".txt", ".parquet", ".xlsx")
"""What the files of a folder end with that are imported; a text file holds CSV."""

FOLDER_FILES_MAX = 100_000  # more are a mistake: a file costs a transaction

Progress = Callable[[str, int, int], None]
"""Told (phase, rows done, rows in all)."""


@dataclass(frozen=True)
class FileImport:
    """What to import.

    overrides  a field and its column's name
    adjusted   what the prices are (bars and minutes)
    as_of      the day of which a file without dates speaks (Symbols: today when None)
    timezone   of minutes written without an offset; unit: of market-wide flows
    """

    path: Path
    kind: ImportKind
    workspace: str = "main"
    overrides: Mapping[str, str] = field(default_factory=dict)
    adjusted: bool = True
    dry_run: bool = False
    as_of: date | None = None
    timezone: str = "Asia/Seoul"
    unit: str | None = None


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and in place of a folder its files with one of ENDINGS, by name. BadFile for a folder without
    any."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(each for each in path.iterdir() if each.name.lower().endswith(ENDINGS) and each.is_file())
        except OSError as error:
            raise BadFile(f"cannot read the folder {path}: {error.strerror}", field="files") from None
        accepted = ", ".join(ENDINGS)
        if not inside:
            raise BadFile(f"the folder {path} has no file to import", field="files", accepted=accepted)
        if len(inside) > FOLDER_FILES_MAX:
            raise BadFile(
                f"the folder {path} has {len(inside):,} files; at most {FOLDER_FILES_MAX:,} are imported at once",
                field="files",
                accepted=accepted,
            )
        found += inside
    return found


async def try_file(database: Database, order: FileImport, progress: Progress) -> ImportReport | BadRequest:
    """As `import_file`, but what is wrong with the file is an answer: others may follow it."""
    try:
        return await import_file(database, order, progress)
    except (BadFile, TooLarge) as error:
        return error


def told_of(path: Path, outcome: ImportReport | BadRequest) -> ImportReport | dict[str, Any]:
    """What became of a file, as JSON says it."""
    if isinstance(outcome, ImportReport):
        return outcome
    error = {"code": outcome.code, "message": outcome.message, "field": outcome.field, "accepted": outcome.accepted}
    return {"file_name": path.name, "error": error}


async def import_file(
    database: Database, order: FileImport, progress: Progress = lambda phase, done, total: None
) -> ImportReport:
    """Read, check and store a file; all of it or nothing. Raises BadFile, BadParameter, DatabaseDown."""
    _check_day(order.as_of)
    progress("read", 0, 0)
    if order.kind in get_args(DatedKind):
        return await _import_dated(database, order, progress)
    if order.kind == "symbols":
        symbols = await asyncio.to_thread(read_symbols, order.path, order.overrides)
        async with database.acquire() as connection:
            return await import_symbols(
                connection, order.workspace, symbols, as_of=order.as_of, dry_run=order.dry_run, progress=progress
            )
    if order.kind == "actions":
        actions = await asyncio.to_thread(read_actions, order.path, order.overrides)
        async with database.acquire() as connection:
            return await import_actions(connection, order.workspace, actions, dry_run=order.dry_run, progress=progress)
    said: Any = {"adjusted": order.adjusted, "dry_run": order.dry_run, "progress": progress}
    if order.kind == "minutes":
        minutes = await asyncio.to_thread(read_minutes, order.path, order.overrides, timezone=order.timezone)
        async with database.acquire() as connection:
            return await import_minutes(connection, order.workspace, minutes, **said)
    bars = await asyncio.to_thread(read_bars, order.path, order.overrides)
    async with database.acquire() as connection:
        return await import_bars(connection, order.workspace, bars, **said)


async def _import_dated(database: Database, order: FileImport, progress: Progress) -> ImportReport:
    kind: DatedKind = order.kind  # type: ignore[assignment]
    read = partial(read_dated, order.path, kind, order.overrides, as_of=order.as_of, unit=order.unit)
    rows = await asyncio.to_thread(read)
    async with database.acquire() as connection:
        return await import_dated(connection, order.workspace, rows, dry_run=order.dry_run, progress=progress)


def _check_day(as_of: date | None) -> None:
    today = datetime.now(UTC).astimezone(SEOUL).date()
    if as_of is not None and not date(1900, 1, 1) <= as_of <= today:
        accepted = f"a day from 1900-01-01 to {today}"
        raise BadParameter(f"a file cannot speak of {as_of}; give {accepted}", field="as_of", accepted=accepted)
