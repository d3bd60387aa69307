"""Stores listed shares, flows of Symbols and of markets, and index bars of one file in one transaction, and reports it:
copied to where they stay when they only continue what is stored, else staged, compared and merged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.dated import RULES, DatedKind, FileDated
from ralph.market.symbol import Listing, Symbol
from ralph.store.dated_statements import KINDS
from ralph.store.imports import (
    REJECTS_SHOWN,
    STATEMENT_S,
    ImportReport,
    Workspace,
    begin_run,
    end_run,
    lock_workspace,
    touch_beside,
    touch_workspace,
    whole_or_nothing,
)
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns

Progress = Callable[[str, int, int], None]

_SOURCE = "SELECT id FROM sources WHERE name = $1"

_SETTINGS = "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"

_INDICES = """
    INSERT INTO indices (workspace_id, code)
         SELECT $1, code
           FROM unnest($2::text[]) AS code
    ON CONFLICT (workspace_id, code) DO NOTHING
"""

_INDEX_IDS = "SELECT code, id FROM indices WHERE workspace_id = $1 AND code = ANY($2::text[])"

_MARKETS = """
    INSERT INTO markets (workspace_id, code)
         SELECT $1, code
           FROM unnest($2::text[]) AS code
    ON CONFLICT (workspace_id, code) DO NOTHING
"""

_MARKET_IDS = "SELECT code, id FROM markets WHERE workspace_id = $1 AND code = ANY($2::text[])"

_NAMED = {"index": (_INDICES, _INDEX_IDS), "market-flows": (_MARKETS, _MARKET_IDS)}
"""Kinds whose keys are no Symbols: what makes the keys, and what finds their ids."""


@dataclass(frozen=True)
class _Outcome:
    stored: int = 0
    updated: int = 0
    symbols_added: int = 0
    since: date | None = None


async def import_dated(
    connection: asyncpg.Connection,
    workspace: str,
    file: FileDated,
    *,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Stores the rows of a file: all of them, or none when anything fails; the same file twice changes nothing.

    Raises NotFound for an unknown workspace, DatabaseDown when the database goes away.
    """
    started_at = datetime.now(UTC)
    total = len(file.rows)
    async with whole_or_nothing(connection, file.file_name, dry_run):
        progress("wait", 0, total)
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file, file.kind, adjusted=False, started_at=started_at)
        done = await _store(connection, place, file, progress) if total else _Outcome()
        version = place.data_version
        if done.stored + done.updated:
            version = await _announce(connection, place, file.kind, done.since)
        unchanged = total - done.stored - done.updated + file.duplicates
        finished_at = await end_run(
            connection, run_id, stored=done.stored, updated=done.updated, unchanged=unchanged, flagged=0
        )
    progress("done", total, total)
    return ImportReport(
        workspace=place.name,
        simulated=place.simulated,
        kind=file.kind,
        file_name=file.file_name,
        file_sha256=file.file_sha256,
        columns=file.mapping,
        adjusted=False,
        rows_read=file.rows_read,
        stored=done.stored,
        updated=done.updated,
        unchanged=unchanged,
        flagged=0,
        rejected=file.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version if dry_run else version),
        symbols_added=done.symbols_added,
        encoding=file.encoding,
        rejects=file.rejects[:REJECTS_SHOWN],
        notes=file.notes,
    )


async def _announce(connection: asyncpg.Connection, place: Workspace, kind: DatedKind, since: date | None) -> int:
    """Says that data changed: shares are a part of the Panel, flows and index bars stand beside it."""
    if kind == "shares":
        return await touch_workspace(connection, place, since)
    return await touch_beside(connection, place)


async def _store(connection: asyncpg.Connection, place: Workspace, file: FileDated, progress: Progress) -> _Outcome:
    statements, total = KINDS[file.kind], len(file.rows)
    ids, added = await _ids(connection, place, file)
    await connection.execute(_SETTINGS)

    def copied(done: int) -> None:
        progress("copy", done, total)

    if await _continues(connection, file, ids):
        source_id = await connection.fetchval(_SOURCE, file.source)
        columns = await asyncio.to_thread(_wire_columns, file, ids, "symbol_id")
        columns.append(WireColumn("source_id", "int2", np.broadcast_to(np.int16(source_id), total)))
        await copy_columns(connection, statements.table, columns, copied)
        return _Outcome(total, 0, added, file.rows.day.min().astype(object))
    await connection.execute(statements.stage)
    await copy_columns(connection, "staged_dated", await asyncio.to_thread(_wire_columns, file, ids, "key"), copied)
    await connection.execute("ANALYZE staged_dated", timeout=STATEMENT_S)
    progress("store", 0, total)
    row = await connection.fetchrow(statements.merge, file.source, timeout=STATEMENT_S)
    return _Outcome(row["stored"], row["updated"], added, row["since"])


async def _continues(connection: asyncpg.Connection, file: FileDated, ids: NDArray[np.int32]) -> bool:
    """Whether every row is newer than all that is stored of its Symbol: there is nothing to compare it with."""
    statements, rows = KINDS[file.kind], file.rows
    if not statements.continues:
        return False
    first_on = np.full(ids.size, rows.day.max())
    np.minimum.at(first_on, rows.key, rows.day)
    return bool(await connection.fetchval(statements.continues, ids.tolist(), first_on.tolist(), timeout=STATEMENT_S))


async def _ids(connection: asyncpg.Connection, place: Workspace, file: FileDated) -> tuple[NDArray[np.int32], int]:
    """The id of each key that has a row (0 for the others), and how many Symbols are new."""
    present = np.unique(file.rows.key)
    codes = [file.rows.keys[index] for index in present.tolist()]
    ids = np.zeros(len(file.rows.keys), dtype=np.int32)
    if file.kind in _NAMED:
        make, find = _NAMED[file.kind]
        await connection.execute(make, place.id, codes)
        known = dict(await connection.fetch(find, place.id, codes))
        ids[present] = [known[code] for code in codes]
        return ids, 0
    ids[present], added, _ = await ensure_symbols(connection, place.id, [Listing(Symbol(code)) for code in codes])
    return ids, added


def _wire_columns(file: FileDated, ids: NDArray[np.int32], key: str) -> list[WireColumn]:
    rows = file.rows
    missing = np.full(len(rows), np.nan)
    return [
        WireColumn(key, "int4", ids[rows.key]),
        WireColumn("session_on", "date", rows.day),
        *(WireColumn(name, "float8", rows.numbers.get(name, missing)) for name in RULES[file.kind].numbers),
    ]
