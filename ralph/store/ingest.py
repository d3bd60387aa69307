"""Stores the daily bars of one file in one transaction, flagged and reported: copied to where they stay when they only
continue what is stored, else staged, compared and merged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.market.columns import BarColumns
from ralph.market.flags import Flag
from ralph.market.rules import FileBars, flag_rows
from ralph.store.base_prices import store_bases
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
from ralph.store.quality import Spans, find_spans, mark_flags, reflag_staged
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns

Progress = Callable[[str, int, int], None]
"""Hears (phase, done, total) in rows; phases are wait, copy, compare, store, done."""

RAW_NOTE = (
    "stored as raw prices: confirmed splits and bonus issues adjust them (ralph import actions FILE; ralph "
    "adjustments propose to look for some)"
)

# Hash joins of a whole market's bars stay in memory; the planner's guess for temporary tables is too low without it.
_SETTINGS = "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"

_PARTITIONS = "SELECT ensure_daily_partition(year) FROM unnest($1::integer[]) AS year"

# Whether every bar of a file is newer than all that is stored of its Symbol: the first import, and each Session's.
# OFFSET 0 keeps the planner at the primary key of each Symbol.
_CONTINUES = """
    SELECT NOT EXISTS (SELECT
                         FROM unnest($1::integer[], $2::date[]) AS given (symbol_id, first_on)
                   CROSS JOIN LATERAL (SELECT
                                         FROM bars_daily b
                                        WHERE b.symbol_id = given.symbol_id AND b.session_on >= given.first_on
                                       OFFSET 0) AS b)
"""

_SOURCE = "SELECT id FROM sources WHERE name = $1"

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
          RETURNING d.is_revalued, d.session_on
         )
  SELECT count(*) FILTER (WHERE is_revalued) AS updated, min(session_on) AS since
    FROM written
"""

_INSERT = """
    WITH added AS (
             INSERT INTO bars_daily (symbol_id, session_on, open, high, low, close, volume, value, flags,
                                     source_id, adjusted)
                  SELECT s.symbol_id, s.session_on, s.open, s.high, s.low, s.close, s.volume, s.value, s.flags,
                         source.id, $1
                    FROM staged s
                    JOIN sources source ON source.name = $4
                   WHERE NOT EXISTS (SELECT
                                       FROM bars_daily b
                                      WHERE b.symbol_id = s.symbol_id AND b.session_on = s.session_on
                                        AND b.session_on BETWEEN $2 AND $3)
               RETURNING session_on
         )
  SELECT count(*) AS stored, min(session_on) AS since
    FROM added
"""

_FLAG_COUNTS = """
    SELECT count(*) FILTER (WHERE flags <> 0)     AS flagged,
           count(*) FILTER (WHERE flags & 1 <> 0) AS no_trade,
           count(*) FILTER (WHERE flags & 2 <> 0) AS inconsistent,
           count(*) FILTER (WHERE flags & 4 <> 0) AS jump
      FROM staged
"""


@dataclass(frozen=True, eq=False)
class _Work:
    """What to store, and where it lies among what is stored; without a run it is only compared."""

    file_bars: FileBars
    spans: Spans
    run_id: int | None
    adjusted: bool
    progress: Progress

    @property
    def columns(self) -> BarColumns:
        return self.file_bars.columns

    @property
    def source(self) -> str:
        return "simulator" if self.file_bars.kind == "simulated" else "file"


@dataclass(frozen=True)
class _Outcome:
    """What became of the rows of a file that were not rejected, duplicates aside.

    flags       how many of them carry each flag, and `flagged` how many carry any
    is_changed  whether anything that a Panel holds did
    since       the first Session whose bars changed; None where none did, or more than bars
    """

    stored: int
    updated: int
    flags: Mapping[str, int]
    symbols_added: int = 0
    is_changed: bool = False
    since: date | None = None


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
        version = await touch_workspace(connection, place, outcome.since) if outcome.is_changed else place.data_version
        counts = {
            "stored": outcome.stored,
            "updated": outcome.updated,
            "unchanged": len(columns) - outcome.stored - outcome.updated + file_bars.duplicates,
            "flagged": outcome.flags["flagged"],
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
        flags={name: count for name, count in outcome.flags.items() if name != "flagged"},
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
    columns = file_bars.columns
    if not len(columns):
        return _Outcome(0, 0, {"flagged": 0})
    await connection.execute(_SETTINGS)
    ids, symbols_added, is_renamed = await ensure_symbols(connection, place.id, columns.listings)
    work = _Work(file_bars, await find_spans(connection, columns, ids), run_id, adjusted, progress)
    given = (ids.tolist(), work.spans.first_on.tolist())
    continues = await connection.fetchval(_CONTINUES, *given, timeout=STATEMENT_S)
    done = await (_append if continues else _merge)(connection, work)
    return replace(
        done,
        symbols_added=symbols_added,
        is_changed=run_id is not None and (done.is_changed or symbols_added > 0 or is_renamed),
        since=None if is_renamed else done.since,
    )


async def _append(connection: asyncpg.Connection, work: _Work) -> _Outcome:
    """Bars that only continue those stored need no comparison: they go straight to where they stay."""
    columns, total = work.columns, len(work.columns)
    flags = await asyncio.to_thread(flag_rows, columns, work.spans.previous_close)
    counts = _counts(flags)
    if work.run_id is None:
        return _Outcome(total, 0, counts)
    source_id = await connection.fetchval(_SOURCE, work.source)
    stored = [
        *_wire_columns(columns, work.spans, flags),
        WireColumn("source_id", "int2", np.broadcast_to(np.int16(source_id), total)),
        WireColumn("adjusted", "bool", np.broadcast_to(np.bool_(work.adjusted), total)),
    ]
    await copy_columns(connection, "bars_daily", stored, lambda done: work.progress("copy", done, total))
    work.progress("store", 0, total)
    await _stage(connection, _rows_of(_wire_columns(columns, work.spans, flags), np.flatnonzero(flags)))
    await _finish(connection, work, is_reflagged=False)
    return _Outcome(total, 0, counts, is_changed=True, since=columns.day.min().astype(object))


async def _merge(connection: asyncpg.Connection, work: _Work) -> _Outcome:
    columns, total = work.columns, len(work.columns)
    flags = await asyncio.to_thread(flag_rows, columns, work.spans.previous_close)
    staged = _wire_columns(columns, work.spans, flags)
    await _stage(connection, staged, lambda done: work.progress("copy", done, total))
    work.progress("compare", total, total)
    is_reflagged = await reflag_staged(connection, work.spans)
    counts = dict(await connection.fetchrow(_FLAG_COUNTS, timeout=STATEMENT_S))
    days = (columns.day.min().astype(object), columns.day.max().astype(object))
    if work.run_id is None:
        counted = await connection.fetchrow(_COMPARE, work.adjusted, *days, timeout=STATEMENT_S)
        return _Outcome(counted["stored"], counted["updated"], counts)
    work.progress("store", 0, total)
    given = (work.adjusted, *days, work.source)
    written = await connection.fetchrow(_UPDATE, *given, timeout=STATEMENT_S)
    added = await connection.fetchrow(_INSERT, *given, timeout=STATEMENT_S)
    is_marked = await _finish(connection, work, is_reflagged)
    touched = [row["since"] for row in (written, added) if row["since"] is not None]
    since = min(touched) if touched else None
    return _Outcome(added["stored"], written["updated"], counts, is_changed=bool(touched) or is_marked, since=since)


async def _finish(connection: asyncpg.Connection, work: _Work, is_reflagged: bool) -> bool:
    """What is said beside the bars, of those that are staged; whether the flag of a bar not in the file changed."""
    base, spans = work.file_bars.base, work.spans
    if base is not None and not work.adjusted:
        await store_bases(connection, work.columns, base, spans.symbol_id, spans.previous_close)
    assert work.run_id is not None, "only a run stores"
    is_marked = await mark_flags(connection, work.run_id, is_reflagged)
    work.progress("store", len(work.columns), len(work.columns))
    return is_marked


async def _stage(
    connection: asyncpg.Connection, rows: Sequence[WireColumn], advance: Callable[[int], None] = lambda done: None
) -> None:
    await connection.execute(_STAGED)
    await copy_columns(connection, "staged", rows, advance)
    await connection.execute("ANALYZE staged", timeout=STATEMENT_S)


def _wire_columns(columns: BarColumns, spans: Spans, flags: NDArray[np.uint8]) -> list[WireColumn]:
    fields = ("open", "high", "low", "close", "volume", "value")
    return [
        WireColumn("symbol_id", "int4", spans.symbol_id[columns.symbol]),
        WireColumn("session_on", "date", columns.day),
        *(WireColumn(name, "float8", getattr(columns, name)) for name in fields),
        WireColumn("flags", "int2", flags),
    ]


def _rows_of(columns: Sequence[WireColumn], rows: NDArray[np.int64]) -> list[WireColumn]:
    return [replace(column, values=column.values[rows]) for column in columns]


def _counts(flags: NDArray[np.uint8]) -> dict[str, int]:
    """As _FLAG_COUNTS."""
    named = {"no_trade": Flag.NO_TRADE, "inconsistent": Flag.INCONSISTENT, "jump": Flag.JUMP}
    counts = {name: int(np.count_nonzero(flags & np.uint8(flag))) for name, flag in named.items()}
    return {"flagged": int(np.count_nonzero(flags)), **counts}
