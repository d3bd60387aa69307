"""Stores the daily bars of one file in one transaction: staged by binary COPY, compared, stored, flagged, reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.flags import JUMP_RATIO
from ralph.market.rules import FileBars, flag_rows
from ralph.store.imports import (
    REJECTS_SHOWN,
    STATEMENT_S,
    ImportReport,
    Workspace,
    begin_run,
    end_run,
    lock_workspace,
    lost_database,
    touch_workspace,
    whole_or_nothing,
)
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns

Progress = Callable[[str, int, int], None]
"""Hears (phase, done, total) in rows; phases are wait, copy, compare, store, done."""

RAW_NOTE = "stored as raw prices: nothing adjusts them yet, so splits and bonus issues stay visible as jumps"

# Hash joins of a whole market's bars stay in memory; the planner's guess for temporary tables is too low without it.
_SETTINGS = "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"

_PARTITIONS = "SELECT ensure_daily_partition(year) FROM unnest($1::integer[]) AS year"

_STAGED = """
    CREATE TEMP TABLE staged (
        symbol_id   integer           NOT NULL,
        session_on  date              NOT NULL,
        open        double precision  NOT NULL,
        high        double precision  NOT NULL,
        low         double precision  NOT NULL,
        close       double precision  NOT NULL,
        volume      double precision  NOT NULL,
        value       double precision  NOT NULL,
        flags       smallint          NOT NULL
    ) ON COMMIT DROP
"""

# The stored bars on both sides of each Symbol's bars in the file: a jump is measured from the traded bar before, and
# the traded bar after has a new bar before it.
_AROUND = """
    SELECT given.place, before.close AS previous_close, after.session_on AS next_on
      FROM unnest($1::integer[], $2::integer[], $3::date[], $4::date[]) AS given (place, symbol_id, first_on, last_on)
 LEFT JOIN LATERAL (SELECT close
                      FROM bars_daily
                     WHERE symbol_id = given.symbol_id AND session_on < given.first_on AND volume > 0
                  ORDER BY session_on DESC
                     LIMIT 1) AS before ON true
 LEFT JOIN LATERAL (SELECT session_on
                      FROM bars_daily
                     WHERE symbol_id = given.symbol_id AND session_on > given.last_on AND volume > 0
                  ORDER BY session_on
                     LIMIT 1) AS after ON true
     WHERE before.close IS NOT NULL OR after.session_on IS NOT NULL
"""

_SPANS = """
    CREATE TEMP TABLE spans ON COMMIT DROP AS
           SELECT *
             FROM unnest($1::integer[], $2::date[], $3::date[], $4::double precision[])
               AS given (symbol_id, first_on, until, previous_close)
"""

# Stored bars that lie between, or right after, the bars of the file and are not in it. Seldom any. OFFSET 0 keeps the
# planner at the primary key of each Symbol: it takes spans for wide ones and would read the whole table.
_AMID = """
    CREATE TEMP TABLE amid ON COMMIT DROP AS
           SELECT b.symbol_id, b.session_on, b.close, b.flags
             FROM spans p
       CROSS JOIN LATERAL (SELECT symbol_id, session_on, close, flags
                             FROM bars_daily
                            WHERE symbol_id = p.symbol_id
                              AND session_on BETWEEN p.first_on AND p.until
                              AND session_on BETWEEN $1 AND $2
                              AND volume > 0
                           OFFSET 0) AS b
            WHERE NOT EXISTS (SELECT FROM staged s WHERE s.symbol_id = b.symbol_id AND s.session_on = b.session_on)
"""

# The jumps of Symbols whose stored and new bars alternate, measured over both as `flag_rows` does; 4 is the flag.
_JUDGED = """
    CREATE TEMP TABLE judged ON COMMIT DROP AS
    WITH merged AS (
             SELECT symbol_id, session_on, close, flags, true AS of_file
               FROM staged
              WHERE volume > 0
                AND symbol_id IN (SELECT symbol_id FROM amid)
          UNION ALL
             SELECT symbol_id, session_on, close, flags, false
               FROM amid
         ), previous AS (
             SELECT merged.*, lag(close, 1, previous_close) OVER (PARTITION BY symbol_id ORDER BY session_on) AS before
               FROM merged
               JOIN spans USING (symbol_id)
         ), anew AS (
             SELECT symbol_id, session_on, of_file, flags AS old_flags,
                    ((flags & ~4) | CASE WHEN abs(close / before - 1) > $1 THEN 4 ELSE 0 END)::smallint AS flags
               FROM previous
         )
  SELECT symbol_id, session_on, of_file, flags
    FROM anew
   WHERE flags <> old_flags
"""

_REFLAG_STAGED = """
    UPDATE staged s
       SET flags = j.flags
      FROM judged j
     WHERE j.of_file AND j.symbol_id = s.symbol_id AND j.session_on = s.session_on
"""

_REFLAG_STORED = """
    UPDATE bars_daily b
       SET flags = j.flags
      FROM judged j
     WHERE NOT j.of_file AND j.symbol_id = b.symbol_id AND j.session_on = b.session_on
"""

# From here on these are treated like bars of the file, so that what is said about them is written anew.
_STAGE_REFLAGGED = """
    INSERT INTO staged
         SELECT symbol_id, session_on, open, high, low, close, volume, value, b.flags
           FROM bars_daily b
           JOIN judged j USING (symbol_id, session_on)
          WHERE NOT j.of_file
"""

_COMPARE = """
    SELECT count(*) FILTER (WHERE b.symbol_id IS NULL) AS stored,
           count(*) FILTER (WHERE (s.open, s.high, s.low, s.close, s.volume, s.value, $1)
                               <> (b.open, b.high, b.low, b.close, b.volume, b.value, b.adjusted)) AS updated
      FROM staged s
 LEFT JOIN bars_daily b ON b.symbol_id = s.symbol_id AND b.session_on = s.session_on
                       AND b.session_on BETWEEN $2 AND $3
"""

_UPDATE = """
    WITH differing AS (
             SELECT s.*, (s.open, s.high, s.low, s.close, s.volume, s.value, $1)
                      <> (b.open, b.high, b.low, b.close, b.volume, b.value, b.adjusted) AS is_revalued
               FROM staged s
               JOIN bars_daily b ON b.symbol_id = s.symbol_id AND b.session_on = s.session_on
              WHERE b.session_on BETWEEN $2 AND $3
                AND (s.open, s.high, s.low, s.close, s.volume, s.value, s.flags, $1)
                 <> (b.open, b.high, b.low, b.close, b.volume, b.value, b.flags, b.adjusted)
         ), written AS (
             UPDATE bars_daily b
                SET open = d.open, high = d.high, low = d.low, close = d.close, volume = d.volume, value = d.value,
                    flags = d.flags, adjusted = $1,
                    source_id = CASE WHEN d.is_revalued THEN source.id ELSE b.source_id END
               FROM differing d, sources source
              WHERE d.symbol_id = b.symbol_id AND d.session_on = b.session_on
                AND b.session_on BETWEEN $2 AND $3
                AND source.name = $4
          RETURNING d.is_revalued
         )
  SELECT count(*) FILTER (WHERE is_revalued) AS updated, count(*) AS written
    FROM written
"""

_INSERT = """
    INSERT INTO bars_daily (symbol_id, session_on, open, high, low, close, volume, value, flags, source_id, adjusted)
         SELECT s.symbol_id, s.session_on, s.open, s.high, s.low, s.close, s.volume, s.value, s.flags, source.id, $1
           FROM staged s
           JOIN sources source ON source.name = $4
          WHERE NOT EXISTS (SELECT
                              FROM bars_daily b
                             WHERE b.symbol_id = s.symbol_id AND b.session_on = s.session_on
                               AND b.session_on BETWEEN $2 AND $3)
"""

_FLAG_COUNTS = """
    SELECT count(*) FILTER (WHERE flags <> 0)     AS flagged,
           count(*) FILTER (WHERE flags & 1 <> 0) AS no_trade,
           count(*) FILTER (WHERE flags & 2 <> 0) AS inconsistent,
           count(*) FILTER (WHERE flags & 4 <> 0) AS jump
      FROM staged
"""

_UNFLAG = """
    DELETE FROM quality_flags q
          USING staged s
          WHERE q.symbol_id = s.symbol_id AND q.session_on = s.session_on AND q.flag & s.flags = 0
"""

_FLAG = """
    INSERT INTO quality_flags (symbol_id, session_on, flag, detail, run_id)
         SELECT s.symbol_id, s.session_on, f.flag,
                CASE f.flag
                     WHEN 1 THEN 'no trade: volume 0'
                     WHEN 2 THEN format('open %s, high %s, low %s, close %s: high and low do not enclose the others',
                                        s.open, s.high, s.low, s.close)
                     ELSE format('close %s after %s on %s', s.close, p.close, p.session_on)
                END,
                $1
           FROM staged s
           JOIN (VALUES (1::smallint), (2), (4)) AS f (flag) ON s.flags & f.flag <> 0
      LEFT JOIN LATERAL (SELECT close, session_on
                           FROM bars_daily b
                          WHERE f.flag = 4 AND b.symbol_id = s.symbol_id AND b.session_on < s.session_on AND volume > 0
                       ORDER BY b.session_on DESC
                          LIMIT 1) AS p ON true
          WHERE s.flags <> 0
    ON CONFLICT (symbol_id, session_on, flag)
      DO UPDATE SET detail = EXCLUDED.detail, run_id = EXCLUDED.run_id
              WHERE quality_flags.detail <> EXCLUDED.detail
"""


@dataclass(frozen=True, eq=False)
class _Spans:
    """Where each Symbol's bars of the file lie among the stored ones; arrays have one element a Symbol."""

    symbol_id: NDArray[np.int32]
    first_on: NDArray[np.datetime64]
    until: NDArray[np.datetime64]
    previous_close: NDArray[np.float64]


@dataclass(frozen=True)
class _Outcome:
    """What became of the rows of a file that were not rejected, duplicates aside."""

    stored: int
    updated: int
    flagged: int
    flags: dict[str, int]
    is_changed: bool
    symbols_added: int


async def import_bars(
    connection: asyncpg.Connection,
    workspace: str,
    file_bars: FileBars,
    *,
    adjusted: bool = True,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Stores the bars of a file: all of them, or none when anything fails; the same file twice changes nothing.

    adjusted  whether prices are back-adjusted already; raw ones are marked, and adjusted later
    dry_run   says what would happen and stores nothing

    A second import into the workspace waits for the first. Raises NotFound for an unknown workspace, DatabaseDown when
    the database goes away.
    """
    started_at = datetime.now(UTC)
    columns = file_bars.columns
    if not dry_run:
        await _ensure_partitions(connection, file_bars)
    async with whole_or_nothing(connection, file_bars.file_name, dry_run):
        progress("wait", 0, len(columns))
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file_bars, file_bars.kind, adjusted, started_at)
        outcome = await _store(connection, place, file_bars, run_id if not dry_run else None, adjusted, progress)
        version = await touch_workspace(connection, place) if outcome.is_changed else place.data_version
        counts = {
            "stored": outcome.stored,
            "updated": outcome.updated,
            "unchanged": len(columns) - outcome.stored - outcome.updated + file_bars.duplicates,
            "flagged": outcome.flagged,
        }
        finished_at = await end_run(connection, run_id, **counts)
    progress("done", len(columns), len(columns))
    return ImportReport(
        workspace=place.name,
        simulated=place.simulated,
        kind=file_bars.kind,
        file_name=file_bars.file_name,
        file_sha256=file_bars.file_sha256,
        columns=file_bars.mapping,
        adjusted=adjusted,
        rows_read=file_bars.rows_read,
        **counts,
        rejected=file_bars.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version if dry_run else version),
        symbols_added=outcome.symbols_added,
        encoding=file_bars.encoding,
        flags=outcome.flags,
        rejects=file_bars.rejects[:REJECTS_SHOWN],
        notes=file_bars.notes if adjusted else (*file_bars.notes, RAW_NOTE),
    )


async def _ensure_partitions(connection: asyncpg.Connection, file_bars: FileBars) -> None:
    """Outside of the transaction: a new partition locks the whole table, readers included, until it is committed."""
    years = np.unique(file_bars.columns.day.astype("datetime64[Y]").astype(np.int64)) + 1970
    with lost_database(file_bars.file_name):
        await connection.execute(_PARTITIONS, years.tolist(), timeout=STATEMENT_S)


async def _store(
    connection: asyncpg.Connection,
    place: Workspace,
    file_bars: FileBars,
    run_id: int | None,
    adjusted: bool,
    progress: Progress,
) -> _Outcome:
    """Everything between the lock and the counts; without a run it only compares."""
    columns, total = file_bars.columns, len(file_bars.columns)
    if not total:
        return _Outcome(0, 0, 0, {}, is_changed=False, symbols_added=0)
    await connection.execute(_SETTINGS)
    ids, symbols_added, is_changed = await ensure_symbols(connection, place.id, columns.listings)
    spans = await _spans(connection, columns, ids)
    await _stage(connection, columns, spans, lambda done: progress("copy", done, total))
    progress("compare", total, total)
    reflagged = await _reflag(connection, spans)
    flags = dict(await connection.fetchrow(_FLAG_COUNTS, timeout=STATEMENT_S))
    flagged = flags.pop("flagged")
    days = (columns.day.min().astype(object), columns.day.max().astype(object))
    if run_id is None:
        counted = await connection.fetchrow(_COMPARE, adjusted, *days, timeout=STATEMENT_S)
        return _Outcome(counted["stored"], counted["updated"], flagged, flags, False, symbols_added)
    progress("store", 0, total)
    source = "simulator" if file_bars.kind == "simulated" else "file"
    written = await connection.fetchrow(_UPDATE, adjusted, *days, source, timeout=STATEMENT_S)
    status = await connection.execute(_INSERT, adjusted, *days, source, timeout=STATEMENT_S)
    stored = int(status.rsplit(" ", 1)[1])
    if reflagged:
        is_changed |= await connection.execute(_REFLAG_STORED, timeout=STATEMENT_S) != "UPDATE 0"
        await connection.execute(_STAGE_REFLAGGED, timeout=STATEMENT_S)
    await connection.execute(_UNFLAG, timeout=STATEMENT_S)
    await connection.execute(_FLAG, run_id, timeout=STATEMENT_S)
    progress("store", total, total)
    is_changed |= stored > 0 or written["written"] > 0
    return _Outcome(stored, written["updated"], flagged, flags, is_changed, symbols_added)


async def _spans(connection: asyncpg.Connection, columns: BarColumns, ids: NDArray[np.int32]) -> _Spans:
    """The days each Symbol's bars in the file begin and end, and its stored bars around them."""
    first = np.flatnonzero(np.concatenate(([True], columns.symbol[1:] != columns.symbol[:-1])))
    first_on = columns.day[first]
    last_on = columns.day[np.append(first[1:], len(columns)) - 1]
    places = np.arange(ids.size)
    given = [array.tolist() for array in (places, ids, first_on, last_on)]
    previous_close, until = np.full(ids.size, np.nan), last_on.copy()
    for row in await connection.fetch(_AROUND, *given, timeout=STATEMENT_S):
        if row["previous_close"] is not None:
            previous_close[row["place"]] = row["previous_close"]
        if row["next_on"] is not None:
            until[row["place"]] = row["next_on"]
    return _Spans(ids, first_on, until, previous_close)


async def _stage(
    connection: asyncpg.Connection, columns: BarColumns, spans: _Spans, advance: Callable[[int], None]
) -> None:
    await connection.execute(_STAGED)
    await copy_columns(connection, "staged", await asyncio.to_thread(_wire_columns, columns, spans), advance)
    await connection.execute("ANALYZE staged", timeout=STATEMENT_S)


def _wire_columns(columns: BarColumns, spans: _Spans) -> list[WireColumn]:
    fields = ("open", "high", "low", "close", "volume", "value")
    return [
        WireColumn("symbol_id", "int4", spans.symbol_id[columns.symbol]),
        WireColumn("session_on", "date", columns.day),
        *(WireColumn(name, "float8", getattr(columns, name)) for name in fields),
        WireColumn("flags", "int2", flag_rows(columns, spans.previous_close)),
    ]


async def _reflag(connection: asyncpg.Connection, spans: _Spans) -> bool:
    """Where stored bars lie amid those of the file, measures the jumps over both; whether any flag is different."""
    previous = [None if np.isnan(close) else close for close in spans.previous_close.tolist()]
    given = [spans.symbol_id.tolist(), spans.first_on.tolist(), spans.until.tolist(), previous]
    await connection.execute(_SPANS, *given, timeout=STATEMENT_S)
    days = (spans.first_on.min().astype(object), spans.until.max().astype(object))
    if await connection.execute(_AMID, *days, timeout=STATEMENT_S) == "SELECT 0":
        return False
    if await connection.execute(_JUDGED, JUMP_RATIO, timeout=STATEMENT_S) == "SELECT 0":
        return False
    await connection.execute(_REFLAG_STAGED, timeout=STATEMENT_S)
    return True
