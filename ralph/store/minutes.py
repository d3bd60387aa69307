"""Stores the minute bars of one file in one transaction: staged by binary COPY, merged, flagged, reported."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.flags import JUMP_RATIO
from ralph.market.minute_rules import FileMinutes
from ralph.store.imports import (
    REJECTS_SHOWN,
    STATEMENT_S,
    ImportReport,
    Workspace,
    begin_run,
    end_run,
    lock_workspace,
    lost_database,
    whole_or_nothing,
)
from ralph.store.ingest import RAW_NOTE, Progress
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns

_SETTINGS = "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"

_PARTITIONS = "SELECT ensure_minute_partition(month) FROM unnest($1::date[]) AS month"

_STAGED = """
    CREATE TEMP TABLE staged_minutes (
        symbol_id   integer           NOT NULL,
        opened_at   timestamptz       NOT NULL,
        open        double precision  NOT NULL,
        high        double precision  NOT NULL,
        low         double precision  NOT NULL,
        close       double precision  NOT NULL,
        volume      double precision  NOT NULL,
        value       double precision  NOT NULL,
        flags       smallint          NOT NULL
    ) ON COMMIT DROP
"""

# $2 and $3 let the planner leave out the partitions of other months.
_COMPARE = """
    SELECT count(*) FILTER (WHERE b.symbol_id IS NULL) AS stored,
           count(*) FILTER (WHERE (s.open, s.high, s.low, s.close, s.volume, s.value, $1)
                               <> (b.open, b.high, b.low, b.close, b.volume, b.value, b.adjusted)) AS updated
      FROM staged_minutes s
 LEFT JOIN bars_minute b ON b.symbol_id = s.symbol_id AND b.opened_at = s.opened_at
                        AND b.opened_at BETWEEN $2 AND $3
"""

_UPDATE = """
    WITH written AS (
             UPDATE bars_minute b
                SET open = s.open, high = s.high, low = s.low, close = s.close, volume = s.volume, value = s.value,
                    flags = s.flags, adjusted = $1, source_id = source.id
               FROM staged_minutes s, sources source
              WHERE b.symbol_id = s.symbol_id AND b.opened_at = s.opened_at
                AND b.opened_at BETWEEN $2 AND $3
                AND source.name = 'file'
                AND (s.open, s.high, s.low, s.close, s.volume, s.value, $1)
                 <> (b.open, b.high, b.low, b.close, b.volume, b.value, b.adjusted)
          RETURNING b.symbol_id
         )
  SELECT count(*) FROM written
"""

_INSERT = """
    WITH added AS (
             INSERT INTO bars_minute (symbol_id, opened_at, open, high, low, close, volume, value, flags, source_id,
                                      adjusted)
                  SELECT s.symbol_id, s.opened_at, s.open, s.high, s.low, s.close, s.volume, s.value, s.flags,
                         source.id, $1
                    FROM staged_minutes s
                    JOIN sources source ON source.name = 'file'
                   WHERE NOT EXISTS (SELECT
                                       FROM bars_minute b
                                      WHERE b.symbol_id = s.symbol_id AND b.opened_at = s.opened_at
                                        AND b.opened_at BETWEEN $2 AND $3)
               RETURNING symbol_id
         )
  SELECT count(*) FROM added
"""

# A jump (4) is measured from the traded bar before, whichever file it came from: from the last one before the file's to
# the first one after, so that the order of files does not matter. The first bar of all has nothing before it.
_REFLAG = """
    WITH ends AS (
             SELECT symbol_id, min(opened_at) AS first_at, max(opened_at) AS last_at
               FROM staged_minutes
           GROUP BY symbol_id
         ), reach AS (
             SELECT e.symbol_id, COALESCE(before.opened_at, e.first_at) AS since,
                    COALESCE(after.opened_at, e.last_at)                AS until
               FROM ends e
          LEFT JOIN LATERAL (SELECT opened_at
                               FROM bars_minute
                              WHERE symbol_id = e.symbol_id AND opened_at < e.first_at AND volume > 0
                           ORDER BY opened_at DESC
                              LIMIT 1) AS before ON true
          LEFT JOIN LATERAL (SELECT opened_at
                               FROM bars_minute
                              WHERE symbol_id = e.symbol_id AND opened_at > e.last_at AND volume > 0
                           ORDER BY opened_at
                              LIMIT 1) AS after ON true
         ), judged AS (
             SELECT b.symbol_id, b.opened_at, b.flags, b.close,
                    lag(b.close) OVER (PARTITION BY b.symbol_id ORDER BY b.opened_at) AS before
               FROM reach r
               JOIN bars_minute b ON b.symbol_id = r.symbol_id AND b.opened_at BETWEEN r.since AND r.until
              WHERE b.volume > 0
         ), anew AS (
             SELECT symbol_id, opened_at, flags AS old_flags,
                    ((flags & ~4) | CASE WHEN abs(close / before - 1) > $1 THEN 4 ELSE 0 END)::smallint AS flags
               FROM judged
              WHERE before IS NOT NULL
         )
    UPDATE bars_minute b
       SET flags = anew.flags
      FROM anew
     WHERE anew.flags <> anew.old_flags AND b.symbol_id = anew.symbol_id AND b.opened_at = anew.opened_at
"""

_FLAG_COUNTS = """
    SELECT count(*) FILTER (WHERE b.flags <> 0)     AS flagged,
           count(*) FILTER (WHERE b.flags & 1 <> 0) AS no_trade,
           count(*) FILTER (WHERE b.flags & 2 <> 0) AS inconsistent,
           count(*) FILTER (WHERE b.flags & 4 <> 0) AS jump
      FROM staged_minutes s
      JOIN bars_minute b ON b.symbol_id = s.symbol_id AND b.opened_at = s.opened_at
                        AND b.opened_at BETWEEN $1 AND $2
"""


async def import_minutes(
    connection: asyncpg.Connection,
    workspace: str,
    file: FileMinutes,
    *,
    adjusted: bool = True,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Stores the minute bars of a file: all of them, or none when anything fails; the same file twice changes nothing.

    The Panel holds daily bars only and stays as it is. A dry run counts the flags within the file alone. Raises
    NotFound for an unknown workspace, DatabaseDown when the database goes away.
    """
    started_at = datetime.now(UTC)
    total = len(file.columns)
    if total and not dry_run:
        await _ensure_partitions(connection, file)
    async with whole_or_nothing(connection, file.file_name, dry_run):
        progress("wait", 0, total)
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file, "minutes", adjusted, started_at)
        stored, updated, added, flags = 0, 0, 0, {"flagged": 0}
        if total:
            added = await _stage(connection, place, file, progress)
            stored, updated = await _merge(connection, file, adjusted, dry_run)
            flags = _flags_of(file) if dry_run else await _flag(connection, file)
        counts = {
            "stored": stored,
            "updated": updated,
            "unchanged": total - stored - updated + file.duplicates,
            "flagged": flags.pop("flagged"),
        }
        finished_at = await end_run(connection, run_id, **counts)
    progress("done", total, total)
    return ImportReport(
        workspace=place.name,
        simulated=place.simulated,
        kind="minutes",
        file_name=file.file_name,
        file_sha256=file.file_sha256,
        columns=file.mapping,
        adjusted=adjusted,
        rows_read=file.rows_read,
        **counts,
        rejected=file.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version),
        symbols_added=added,
        encoding=file.encoding,
        flags=flags,
        rejects=file.rejects[:REJECTS_SHOWN],
        notes=file.notes if adjusted else (*file.notes, RAW_NOTE),
    )


async def _ensure_partitions(connection: asyncpg.Connection, file: FileMinutes) -> None:
    """Outside of the transaction: a new partition locks the whole table, readers included, until it is committed."""
    months = np.unique(file.columns.opened_at.astype("datetime64[M]")).astype("datetime64[D]")
    with lost_database(file.file_name):
        await connection.execute(_PARTITIONS, months.tolist(), timeout=STATEMENT_S)


async def _stage(connection: asyncpg.Connection, place: Workspace, file: FileMinutes, progress: Progress) -> int:
    """Copies the bars to a table of this transaction; how many Symbols are new."""
    total = len(file.columns)
    await connection.execute(_SETTINGS)
    ids, added, _ = await ensure_symbols(connection, place.id, file.columns.listings)
    await connection.execute(_STAGED)
    columns = await asyncio.to_thread(_wire_columns, file, ids)
    await copy_columns(connection, "staged_minutes", columns, lambda done: progress("copy", done, total))
    await connection.execute("ANALYZE staged_minutes", timeout=STATEMENT_S)
    progress("store", 0, total)
    return added


async def _merge(connection: asyncpg.Connection, file: FileMinutes, adjusted: bool, dry_run: bool) -> tuple[int, int]:
    """How many bars were new and how many had other values; stored unless this is a dry run."""
    if dry_run:
        row = await connection.fetchrow(_COMPARE, adjusted, *_ends(file), timeout=STATEMENT_S)
        return row["stored"], row["updated"]
    updated = await connection.fetchval(_UPDATE, adjusted, *_ends(file), timeout=STATEMENT_S)
    return await connection.fetchval(_INSERT, adjusted, *_ends(file), timeout=STATEMENT_S), updated


async def _flag(connection: asyncpg.Connection, file: FileMinutes) -> dict[str, int]:
    await connection.execute(_REFLAG, JUMP_RATIO, timeout=STATEMENT_S)
    return dict(await connection.fetchrow(_FLAG_COUNTS, *_ends(file), timeout=STATEMENT_S))


def _flags_of(file: FileMinutes) -> dict[str, int]:
    flags = file.columns.flags
    bits = {"no_trade": 1, "inconsistent": 2, "jump": 4}
    counted = {name: int(np.count_nonzero(flags & bit)) for name, bit in bits.items()}
    return {"flagged": int(np.count_nonzero(flags)), **counted}


def _ends(file: FileMinutes) -> tuple[datetime, datetime]:
    times = file.columns.opened_at
    first, last = (bound.astype(datetime).replace(tzinfo=UTC) for bound in (times.min(), times.max()))
    return first, last


def _wire_columns(file: FileMinutes, ids: NDArray[np.int32]) -> list[WireColumn]:
    columns = file.columns
    fields = ("open", "high", "low", "close", "volume", "value")
    return [
        WireColumn("symbol_id", "int4", ids[columns.symbol]),
        WireColumn("opened_at", "timestamptz", columns.opened_at),
        *(WireColumn(name, "float8", getattr(columns, name)) for name in fields),
        WireColumn("flags", "int2", columns.flags),
    ]
