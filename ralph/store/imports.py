"""Import runs: the report of each, kept in `import_runs`, and the rows it rejected."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from ralph.errors import DatabaseDown, NotFound
from ralph.market.rules import FileRead, Reject
from ralph.store.workspaces import CHANGED

REJECTS_SHOWN = 20
"""Rejected rows in a fresh report itself; `load_rejects` has the rest."""

LIST_MAX = 500

STATEMENT_S = 3_600.0
"""The longest one statement of an import may take; a connection's own limit is meant for requests."""


class ImportReport(msgspec.Struct, frozen=True):
    """What became of every row of a file: rows_read = stored + updated + unchanged + rejected.

    flagged       bars among the first three that carry a flag; `flags` counts them by name, in a fresh report
    rejects       the first rejected rows, in a fresh report
    data_version  the workspace's after the run; it grows only when something changed
    run_id        None after a dry run, which stores nothing
    """

    workspace: str
    simulated: bool
    kind: str
    file_name: str
    file_sha256: str
    columns: Mapping[str, str]
    adjusted: bool
    rows_read: int
    stored: int
    updated: int
    unchanged: int
    flagged: int
    rejected: int
    started_at: datetime
    finished_at: datetime
    run_id: str | None = None
    dry_run: bool = False
    data_version: str | None = None
    symbols_added: int = 0
    encoding: str | None = None
    flags: Mapping[str, int] = {}
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counted = self.stored + self.updated + self.unchanged + self.rejected
        assert self.rows_read == counted, "every row is accounted for"


class Workspace(msgspec.Struct, frozen=True):
    """A workspace as it is locked for an import."""

    id: int
    name: str
    simulated: bool
    data_version: int


# Two imports into one workspace wait for each other, so that each sees all or nothing of the other.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('ralph.import.' || $1, 0))"

_WORKSPACE = "SELECT id, name, simulated, data_version FROM workspaces WHERE name = $1"

_TOUCH = """
      WITH raised AS (
               UPDATE workspaces
                  SET data_version = data_version + 1
                WHERE id = $1
            RETURNING id, data_version
           )
    INSERT INTO workspace_changes (workspace_id, data_version, since)
         SELECT id, data_version, $2
           FROM raised
      RETURNING data_version
"""

# The bars changed from the end of time on, which is to say not at all.
_TOUCH_BESIDE = """
      WITH raised AS (
               UPDATE workspaces
                  SET data_version = data_version + 1, beside_version = beside_version + 1
                WHERE id = $1
            RETURNING id, data_version
           )
    INSERT INTO workspace_changes (workspace_id, data_version, since)
         SELECT id, data_version, 'infinity'
           FROM raised
      RETURNING data_version
"""

_RUN = """
    INSERT INTO import_runs (workspace_id, kind, file_name, file_sha256, columns, adjusted, rows_read,
                             stored, updated, unchanged, flagged, rejected, started_at, finished_at)
         VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7, 0, 0, $8, 0, $9, $10, clock_timestamp())
      RETURNING id
"""

_COUNTS = """
    UPDATE import_runs
       SET stored = $2, updated = $3, unchanged = $4, flagged = $5, finished_at = clock_timestamp()
     WHERE id = $1
 RETURNING finished_at
"""

_RUNS = """
    SELECT r.id, w.name AS workspace, w.simulated, r.kind, r.file_name, r.file_sha256, r.columns::text AS columns,
           r.adjusted, r.rows_read, r.stored, r.updated, r.unchanged, r.flagged, r.rejected,
           r.started_at, r.finished_at
      FROM import_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1
       AND ($2::bigint IS NULL OR r.id < $2)
       AND ($3::bigint IS NULL OR r.id = $3)
  ORDER BY r.id DESC
     LIMIT $4
"""

_REJECTS = """
    SELECT line, field, value, reason
      FROM import_rejects
     WHERE run_id = $1
       AND line > $2
  ORDER BY line, field
     LIMIT $3
"""


@contextmanager
def lost_database(file_name: str) -> Iterator[None]:
    """Turns the loss of the database's connection into DatabaseDown."""
    try:
        yield
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.OperatorInterventionError,
        OSError,
    ) as error:
        raise DatabaseDown(
            f"the database went away while {file_name} was being imported; a file is stored whole or not at all, so "
            "import it again when the database is back"
        ) from error


@asynccontextmanager
async def whole_or_nothing(connection: asyncpg.Connection, file_name: str, dry_run: bool) -> AsyncIterator[None]:
    """The transaction of one file; a dry run is rolled back at its end. DatabaseDown when the database goes away."""
    assert not connection.is_in_transaction(), "an import is a transaction of its own"
    with lost_database(file_name):
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield
        except BaseException:
            if not connection.is_closed():
                await transaction.rollback()
            raise
        await (transaction.rollback() if dry_run else transaction.commit())


async def lock_workspace(connection: asyncpg.Connection, name: str) -> Workspace:
    """Waits for other imports into the workspace, and holds it until the end of the transaction."""
    if await connection.fetchval("SELECT count(*) FROM workspaces WHERE name = $1", name) == 0:
        known = [row["name"] for row in await connection.fetch("SELECT name FROM workspaces ORDER BY name")]
        raise NotFound(
            f"there is no workspace {name!r}; there are: {', '.join(known)}",
            field="workspace",
            accepted=", ".join(known),
        )
    await connection.execute(_LOCK, name, timeout=STATEMENT_S)
    # Read after the lock is held: the data version is that of the import waited for.
    return Workspace(**await connection.fetchrow(_WORKSPACE, name))


async def touch_workspace(connection: asyncpg.Connection, workspace: Workspace, since: date | None) -> int:
    """Raises the data version, and tells every process that its Panel is out of date once this is committed.

    since  the first Session whose bars changed; None where something other than bars did
    """
    await connection.execute("SELECT pg_notify($1, $2)", CHANGED, workspace.name)
    return int(await connection.fetchval(_TOUCH, workspace.id, since))


async def touch_beside(connection: asyncpg.Connection, workspace: Workspace) -> int:
    """The same where only what stands beside the bars changed: flows and indices."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANGED, workspace.name)
    return int(await connection.fetchval(_TOUCH_BESIDE, workspace.id))


async def begin_run(
    connection: asyncpg.Connection,
    workspace: Workspace,
    read: FileRead,
    kind: str,
    adjusted: bool,
    started_at: datetime,
) -> int:
    """Writes the run, all rows unchanged so far, and its rejected rows."""
    run_id = await connection.fetchval(
        _RUN,
        workspace.id,
        kind,
        read.file_name.replace("\0", ""),
        read.file_sha256,
        json.dumps(dict(read.mapping), ensure_ascii=False),
        adjusted,
        read.rows_read,
        read.rows_read - read.rejected,
        read.rejected,
        started_at,
    )
    await connection.copy_records_to_table(
        "import_rejects",
        records=[(run_id, reject.line, reject.field, reject.value, reject.reason) for reject in read.rejects],
        columns=["run_id", "line", "field", "value", "reason"],
    )
    return int(run_id)


async def end_run(
    connection: asyncpg.Connection, run_id: int, *, stored: int, updated: int, unchanged: int, flagged: int
) -> datetime:
    """Writes what became of the rows; the time it was done."""
    finished_at: datetime = await connection.fetchval(_COUNTS, run_id, stored, updated, unchanged, flagged)
    return finished_at


async def list_imports(
    connection: asyncpg.Connection, workspace: str, *, limit: int = 50, before: str | None = None
) -> list[ImportReport]:
    """The newest import runs of a workspace, at most 500; `before` is the `run_id` after which a page goes on."""
    rows = await connection.fetch(_RUNS, workspace, _run_number(before), None, max(1, min(limit, LIST_MAX)))
    return [_report(row) for row in rows]


async def find_import(connection: asyncpg.Connection, workspace: str, run_id: str) -> ImportReport:
    """One import run; NotFound where the workspace has none of that id."""
    rows = await connection.fetch(_RUNS, workspace, None, _run_number(run_id), 1)
    if not rows:
        raise NotFound(f"there is no import {run_id!r} in workspace {workspace}: ralph import list", field="run_id")
    return _report(rows[0])


async def load_rejects(
    connection: asyncpg.Connection, run_id: str, *, after_line: int = 0, limit: int = 1_000
) -> list[Reject]:
    """Rejected rows of a run by line; of each run the first 10,000 are kept."""
    rows = await connection.fetch(_REJECTS, _run_number(run_id), after_line, max(1, min(limit, 10_000)))
    return [Reject(**row) for row in rows]


def _run_number(run_id: str | None) -> int | None:
    if run_id is None:
        return None
    if not (run_id.isascii() and run_id.isdigit() and len(run_id) < 19):
        raise NotFound(f"{run_id[:40]!r} is no import id: ids are whole numbers", field="run_id")
    return int(run_id)


def _report(row: Mapping[str, Any]) -> ImportReport:
    known = dict(row)
    return ImportReport(run_id=str(known.pop("id")), columns=json.loads(known.pop("columns")), **known)
