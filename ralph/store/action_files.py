"""Stores the corporate actions of one file in one transaction; what a file says is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg

from ralph.market.adjustment import Action
from ralph.market.rules import FileActions
from ralph.market.symbol import Listing
from ralph.store.imports import (
    REJECTS_SHOWN,
    STATEMENT_S,
    ImportReport,
    Workspace,
    begin_run,
    end_run,
    lock_workspace,
    touch_workspace,
    whole_or_nothing,
)
from ralph.store.symbols import ensure_symbols

Progress = Callable[[str, int, int], None]

# What was found on that day and not told by a file gives way: together they would be applied twice.
_CLEAR = """
    DELETE FROM corporate_actions a
          USING unnest($1::integer[], $2::date[], $3::text[]) AS given (symbol_id, effective_on, kind)
          WHERE a.symbol_id = given.symbol_id AND a.effective_on = given.effective_on
            AND a.origin = 'proposal' AND a.state <> 'rejected'
            AND NOT EXISTS (SELECT
                              FROM unnest($1::integer[], $2::date[], $3::text[]) AS same (symbol_id, effective_on, kind)
                             WHERE same.symbol_id = a.symbol_id AND same.effective_on = a.effective_on
                               AND same.kind = a.kind)
"""

_STORE = """
    WITH written AS (
             INSERT INTO corporate_actions AS a (symbol_id, effective_on, kind, ratio, state, origin, decided_at)
                  SELECT given.*, 'confirmed', $5, now()
                    FROM unnest($1::integer[], $2::date[], $3::text[], $4::double precision[]) AS given
             ON CONFLICT (symbol_id, effective_on, kind)
               DO UPDATE SET ratio = EXCLUDED.ratio, state = EXCLUDED.state, origin = EXCLUDED.origin, confidence = 1,
                             evidence = '{}', decided_at = now()
                       WHERE (a.ratio, a.state) <> (EXCLUDED.ratio, EXCLUDED.state)
               RETURNING xmax = 0 AS is_new
         )
  SELECT count(*) FILTER (WHERE is_new) AS stored, count(*) FILTER (WHERE NOT is_new) AS updated
    FROM written
"""


async def import_actions(
    connection: asyncpg.Connection,
    workspace: str,
    file: FileActions,
    *,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Stores the actions of a file as confirmed: all of them, or none when anything fails; the same file twice changes
    nothing. Errors as of `import_bars`."""
    started_at = datetime.now(UTC)
    total = len(file.actions)
    async with whole_or_nothing(connection, file.file_name, dry_run):
        progress("wait", 0, total)
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file, "actions", False, started_at)
        listings = [Listing(symbol) for symbol in sorted({action.symbol for action in file.actions})]
        _, added, _ = await ensure_symbols(connection, place.id, listings)
        stored, updated = await write_actions(connection, place, file.actions, "file")
        is_changed = stored + updated + added > 0
        version = await touch_workspace(connection, place, None) if is_changed else place.data_version
        unchanged = total - stored - updated + file.duplicates
        finished_at = await end_run(connection, run_id, stored=stored, updated=updated, unchanged=unchanged, flagged=0)
    progress("done", total, total)
    return ImportReport(
        workspace=place.name,
        simulated=place.simulated,
        kind="actions",
        file_name=file.file_name,
        file_sha256=file.file_sha256,
        columns=file.mapping,
        adjusted=False,
        rows_read=file.rows_read,
        stored=stored,
        updated=updated,
        unchanged=unchanged,
        flagged=0,
        rejected=file.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version if dry_run else version),
        symbols_added=added,
        encoding=file.encoding,
        rejects=file.rejects[:REJECTS_SHOWN],
        notes=file.notes,
    )


async def write_actions(
    connection: asyncpg.Connection, place: Workspace, actions: Sequence[Action], origin: str
) -> tuple[int, int]:
    """How many actions were stored and how many changed; their Symbols are there, the workspace is locked."""
    ids = await connection.fetch(
        "SELECT code, id FROM symbols WHERE workspace_id = $1 AND code = ANY($2::text[])",
        place.id,
        [action.symbol for action in actions],
    )
    id_of = {row["code"]: row["id"] for row in ids}
    keys = [
        [id_of[action.symbol] for action in actions],
        [action.on for action in actions],
        [action.kind for action in actions],
    ]
    await connection.execute(_CLEAR, *keys, timeout=STATEMENT_S)
    ratios = [action.ratio for action in actions]
    row = await connection.fetchrow(_STORE, *keys, ratios, origin, timeout=STATEMENT_S)
    return row["stored"], row["updated"]
