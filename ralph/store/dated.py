"""Stores listed shares, flows of Symbols and of markets, and index bars of one file in one transaction: staged,
compared, merged, reported."""

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


@dataclass(frozen=True)
class _Statements:
    """The SQL of a kind: the table rows are staged in, and the merge of what is staged.

    A number the file does not have leaves the stored one. Rows equal to the stored ones are not touched.
    """

    stage: str
    merge: str


_SETTINGS = "SELECT set_config('work_mem', '256MB', true), set_config('jit', 'off', true)"

_SHARES = _Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        shares double precision NOT NULL, market_cap double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on, COALESCE(NULLIF(s.shares, 'NaN'), o.shares, 'NaN') AS shares,
                      COALESCE(NULLIF(s.market_cap, 'NaN'), o.market_cap, 'NaN')          AS market_cap
                 FROM staged_dated s
            LEFT JOIN symbol_shares o ON o.symbol_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO symbol_shares AS o (symbol_id, session_on, shares, market_cap, source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (symbol_id, session_on)
                 DO UPDATE SET shares = EXCLUDED.shares, market_cap = EXCLUDED.market_cap,
                               source_id = EXCLUDED.source_id
                         WHERE (o.shares, o.market_cap) <> (EXCLUDED.shares, EXCLUDED.market_cap)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

_FLOWS = _Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        foreign_value double precision NOT NULL, institution_value double precision NOT NULL,
        individual_value double precision NOT NULL, foreign_shares double precision NOT NULL,
        institution_shares double precision NOT NULL, individual_shares double precision NOT NULL,
        foreign_held double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.foreign_value,      'NaN'), o.foreign_value,      'NaN') AS foreign_value,
                      COALESCE(NULLIF(s.institution_value,  'NaN'), o.institution_value,  'NaN') AS institution_value,
                      COALESCE(NULLIF(s.individual_value,   'NaN'), o.individual_value,   'NaN') AS individual_value,
                      COALESCE(NULLIF(s.foreign_shares,     'NaN'), o.foreign_shares,     'NaN') AS foreign_shares,
                      COALESCE(NULLIF(s.institution_shares, 'NaN'), o.institution_shares, 'NaN') AS institution_shares,
                      COALESCE(NULLIF(s.individual_shares,  'NaN'), o.individual_shares,  'NaN') AS individual_shares,
                      COALESCE(NULLIF(s.foreign_held,       'NaN'), o.foreign_held,       'NaN') AS foreign_held
                 FROM staged_dated s
            LEFT JOIN flows_daily o ON o.symbol_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO flows_daily AS o (symbol_id, session_on, foreign_value, institution_value, individual_value,
                                             foreign_shares, institution_shares, individual_shares, foreign_held,
                                             source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (symbol_id, session_on)
                 DO UPDATE SET foreign_value      = EXCLUDED.foreign_value,
                               institution_value  = EXCLUDED.institution_value,
                               individual_value   = EXCLUDED.individual_value,
                               foreign_shares     = EXCLUDED.foreign_shares,
                               institution_shares = EXCLUDED.institution_shares,
                               individual_shares  = EXCLUDED.individual_shares,
                               foreign_held       = EXCLUDED.foreign_held,
                               source_id          = EXCLUDED.source_id
                         WHERE (o.foreign_value, o.institution_value, o.individual_value, o.foreign_shares,
                                o.institution_shares, o.individual_shares, o.foreign_held)
                            <> (EXCLUDED.foreign_value, EXCLUDED.institution_value, EXCLUDED.individual_value,
                                EXCLUDED.foreign_shares, EXCLUDED.institution_shares, EXCLUDED.individual_shares,
                                EXCLUDED.foreign_held)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

_INDEX = _Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        open double precision NOT NULL, high double precision NOT NULL, low double precision NOT NULL,
        close double precision NOT NULL, volume double precision NOT NULL, value double precision NOT NULL,
        market_cap double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.open,       'NaN'), o.open,       'NaN') AS open,
                      COALESCE(NULLIF(s.high,       'NaN'), o.high,       'NaN') AS high,
                      COALESCE(NULLIF(s.low,        'NaN'), o.low,        'NaN') AS low,
                      s.close,
                      COALESCE(NULLIF(s.volume,     'NaN'), o.volume,     'NaN') AS volume,
                      COALESCE(NULLIF(s.value,      'NaN'), o.value,      'NaN') AS value,
                      COALESCE(NULLIF(s.market_cap, 'NaN'), o.market_cap, 'NaN') AS market_cap
                 FROM staged_dated s
            LEFT JOIN index_bars o ON o.index_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO index_bars AS o (index_id, session_on, open, high, low, close, volume, value, market_cap,
                                            source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (index_id, session_on)
                 DO UPDATE SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close,
                               volume = EXCLUDED.volume, value = EXCLUDED.value, market_cap = EXCLUDED.market_cap,
                               source_id = EXCLUDED.source_id
                         WHERE (o.open, o.high, o.low, o.close, o.volume, o.value, o.market_cap)
                            <> (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close, EXCLUDED.volume,
                                EXCLUDED.value, EXCLUDED.market_cap)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

_MARKET_FLOWS = _Statements(
    stage="""
    CREATE TEMP TABLE staged_dated (
        key integer NOT NULL, session_on date NOT NULL,
        individual_value double precision NOT NULL, foreign_value double precision NOT NULL,
        institution_value double precision NOT NULL, other_corp_value double precision NOT NULL,
        fin_invest_value double precision NOT NULL, insurance_value double precision NOT NULL,
        trust_value double precision NOT NULL, bank_value double precision NOT NULL,
        other_fin_value double precision NOT NULL, pension_value double precision NOT NULL
    ) ON COMMIT DROP
    """,
    merge="""
      WITH given AS (
               SELECT key, s.session_on,
                      COALESCE(NULLIF(s.individual_value,  'NaN'), o.individual_value,  'NaN') AS individual_value,
                      COALESCE(NULLIF(s.foreign_value,     'NaN'), o.foreign_value,     'NaN') AS foreign_value,
                      COALESCE(NULLIF(s.institution_value, 'NaN'), o.institution_value, 'NaN') AS institution_value,
                      COALESCE(NULLIF(s.other_corp_value,  'NaN'), o.other_corp_value,  'NaN') AS other_corp_value,
                      COALESCE(NULLIF(s.fin_invest_value,  'NaN'), o.fin_invest_value,  'NaN') AS fin_invest_value,
                      COALESCE(NULLIF(s.insurance_value,   'NaN'), o.insurance_value,   'NaN') AS insurance_value,
                      COALESCE(NULLIF(s.trust_value,       'NaN'), o.trust_value,       'NaN') AS trust_value,
                      COALESCE(NULLIF(s.bank_value,        'NaN'), o.bank_value,        'NaN') AS bank_value,
                      COALESCE(NULLIF(s.other_fin_value,   'NaN'), o.other_fin_value,   'NaN') AS other_fin_value,
                      COALESCE(NULLIF(s.pension_value,     'NaN'), o.pension_value,     'NaN') AS pension_value
                 FROM staged_dated s
            LEFT JOIN market_flows_daily o ON o.market_id = s.key AND o.session_on = s.session_on
           ), written AS (
               INSERT INTO market_flows_daily AS o (market_id, session_on,
                                                    individual_value, foreign_value, institution_value,
                                                    other_corp_value, fin_invest_value, insurance_value, trust_value,
                                                    bank_value, other_fin_value, pension_value,
                                                    source_id)
                    SELECT given.*, source.id
                      FROM given
                      JOIN sources source ON source.name = $1
               ON CONFLICT (market_id, session_on)
                 DO UPDATE SET individual_value  = EXCLUDED.individual_value,
                               foreign_value     = EXCLUDED.foreign_value,
                               institution_value = EXCLUDED.institution_value,
                               other_corp_value  = EXCLUDED.other_corp_value,
                               fin_invest_value  = EXCLUDED.fin_invest_value,
                               insurance_value   = EXCLUDED.insurance_value,
                               trust_value       = EXCLUDED.trust_value,
                               bank_value        = EXCLUDED.bank_value,
                               other_fin_value   = EXCLUDED.other_fin_value,
                               pension_value     = EXCLUDED.pension_value,
                               source_id = EXCLUDED.source_id
                         WHERE (o.individual_value, o.foreign_value, o.institution_value, o.other_corp_value,
                                o.fin_invest_value, o.insurance_value, o.trust_value, o.bank_value,
                                o.other_fin_value, o.pension_value)
                            <> (EXCLUDED.individual_value, EXCLUDED.foreign_value, EXCLUDED.institution_value,
                                EXCLUDED.other_corp_value, EXCLUDED.fin_invest_value, EXCLUDED.insurance_value,
                                EXCLUDED.trust_value, EXCLUDED.bank_value, EXCLUDED.other_fin_value,
                                EXCLUDED.pension_value)
                 RETURNING o.session_on, xmax = 0 AS is_new
           )
    SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated,
           min(session_on) AS since
      FROM written
    """,
)

_KINDS: dict[DatedKind, _Statements] = {
    "shares": _SHARES,
    "flows": _FLOWS,
    "index": _INDEX,
    "market-flows": _MARKET_FLOWS,
}

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
    """Says that data changed: shares are a part of the Panel, flows and index bars stand beside it, and nothing that is
    cached holds the flows of whole markets."""
    if kind == "market-flows":
        return place.data_version
    if kind == "shares":
        return await touch_workspace(connection, place, since)
    return await touch_beside(connection, place)


async def _store(connection: asyncpg.Connection, place: Workspace, file: FileDated, progress: Progress) -> _Outcome:
    statements, total = _KINDS[file.kind], len(file.rows)
    ids, added = await _ids(connection, place, file)
    await connection.execute(_SETTINGS)
    await connection.execute(statements.stage)
    columns = await asyncio.to_thread(_wire_columns, file, ids)
    await copy_columns(connection, "staged_dated", columns, lambda done: progress("copy", done, total))
    await connection.execute("ANALYZE staged_dated", timeout=STATEMENT_S)
    progress("store", 0, total)
    row = await connection.fetchrow(statements.merge, file.source, timeout=STATEMENT_S)
    return _Outcome(row["stored"], row["updated"], added, row["since"])


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


def _wire_columns(file: FileDated, ids: NDArray[np.int32]) -> list[WireColumn]:
    rows = file.rows
    missing = np.full(len(rows), np.nan)
    return [
        WireColumn("key", "int4", ids[rows.key]),
        WireColumn("session_on", "date", rows.day),
        *(WireColumn(name, "float8", rows.numbers.get(name, missing)) for name in RULES[file.kind].numbers),
    ]
