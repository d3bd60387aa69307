"""Quality runs: their reports and findings, kept for a bounded number of runs of each workspace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from ralph.errors import BadParameter, DataNotFound, NotFound, NotReady
from ralph.market.columns import BarColumns
from ralph.market.quality import KINDS, Detail, Examination, Finding, Kind, Severity, find
from ralph.market.symbol import Symbol
from ralph.store.bars import Readers, load_columns
from ralph.store.database import is_gone

FINDINGS_KEPT_MAX = 100_000
"""Findings stored of a run, the worst first; all are counted."""

PAGE_MAX = 1_000
_PIECE = 2_000  # findings encoded and sent at once: the loop sees 20 ms of it at most


class Wanted(msgspec.Struct, frozen=True):
    """Which findings: all where nothing is said."""

    symbol: Symbol | None = None
    kind: Kind | None = None
    severity: Severity | None = None

    def admits(self, finding: Finding) -> bool:
        """Whether a finding is among them."""
        return (
            self.symbol in (None, finding.symbol)
            and self.kind in (None, finding.kind)
            and self.severity in (None, finding.severity)
        )


ALL = Wanted()


class QualityRun(msgspec.Struct, frozen=True, rename={"first_on": "from", "last_on": "to"}):
    """The report of a run.

    data_version  of the workspace, at the time
    is_exchange   whether Sessions are those of the exchange calendar, or only the days that have bars
    counts        findings by kind; worst: Symbols by the worst severity found in them
    kept          findings stored of all `findings`: the worst
    """

    run_id: str
    workspace: str
    simulated: bool
    data_version: str
    bars: int
    symbols: int
    sessions: int
    first_on: date | None
    last_on: date | None
    is_exchange: bool
    counts: Mapping[str, int]
    worst: Mapping[str, int]
    findings: int
    kept: int
    started_at: datetime
    finished_at: datetime
    took_ms: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A workspace and all its bars as of one moment."""

    workspace_id: int
    workspace: str
    data_version: int
    bars: BarColumns


_WORKSPACE = "SELECT id, name, data_version FROM workspaces WHERE name = $1"

_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('ralph.quality.' || $1, 0))"

_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('ralph.quality.' || $1, 0))"

_RUN = """
    INSERT INTO quality_runs (workspace_id, data_version, bars, symbols, sessions, first_on, last_on, is_exchange,
                              counts, worst, findings, kept, started_at, finished_at, took_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10::text::jsonb, $11, $12, $13, clock_timestamp(),
                 $14)
      RETURNING id
"""

_FINDINGS = """
    INSERT INTO quality_findings (run_id, place, kind, severity, symbol_id, first_on, last_on, detail)
         SELECT $1, given.place, given.kind, given.severity, s.id, given."from", given."to", given.detail
           FROM jsonb_to_recordset($2::text::jsonb)
             AS given (place integer, kind text, severity text, symbol text, "from" date, "to" date, detail jsonb)
      LEFT JOIN symbols s ON s.workspace_id = $3 AND s.code = given.symbol
"""

_PRUNE = """
    DELETE FROM quality_runs
          WHERE workspace_id = $1
            AND id NOT IN (SELECT id FROM quality_runs WHERE workspace_id = $1 ORDER BY id DESC LIMIT $2)
"""

_RUNS = """
    SELECT r.id, w.name AS workspace, w.simulated, r.data_version::text AS data_version, r.bars, r.symbols, r.sessions,
           r.first_on, r.last_on, r.is_exchange, r.counts::text AS counts, r.worst::text AS worst, r.findings, r.kept,
           r.started_at, r.finished_at, r.took_ms
      FROM quality_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1
       AND ($2::bigint IS NULL OR r.id < $2)
       AND ($3::bigint IS NULL OR r.id = $3)
  ORDER BY r.id DESC
     LIMIT $4
"""

_LIST = """
    SELECT f.place, f.kind, s.code AS symbol, f.first_on, f.last_on, f.detail::text AS detail
      FROM quality_findings f
 LEFT JOIN symbols s ON s.id = f.symbol_id
     WHERE f.run_id = $1
       AND f.place > $2
       AND ($3::text IS NULL OR s.code = $3)
       AND ($4::text IS NULL OR f.kind = $4)
       AND ($5::text IS NULL OR f.severity = $5)
  ORDER BY f.place
     LIMIT $6
"""


@asynccontextmanager
async def one_at_a_time(connection: asyncpg.Connection, workspace: str) -> AsyncIterator[None]:
    """Holds the workspace's runs off; NotReady while another one is under way, in any process."""
    if not await connection.fetchval(_TRY_LOCK, workspace):
        raise NotReady(f"a quality run of {workspace} is under way; ask again when it is done")
    try:
        yield
    finally:
        if not is_gone(connection):
            await connection.execute(_UNLOCK, workspace)


async def take_snapshot(connection: asyncpg.Connection, workspace: str, more: Readers | None = None) -> Snapshot:
    """All bars of a workspace, and the data version that they are; NotFound where there is no such workspace.

    more  further connections to read on
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = await connection.fetchrow(_WORKSPACE, workspace)
        if found is None:
            raise NotFound(f"there is no workspace {workspace!r}; the usual ones are main and demo", field="workspace")
        bars = await load_columns(connection, workspace, more=more)
    return Snapshot(found["id"], found["name"], found["data_version"], bars)


async def record_run(
    connection: asyncpg.Connection, snapshot: Snapshot, found: Examination, started_at: datetime, runs_kept: int
) -> QualityRun:
    """Stores a run with its findings, all or nothing, and removes the oldest beyond `runs_kept`."""
    kept = found.findings[:FINDINGS_KEPT_MAX]
    counts = {kind: count for kind, count in found.counts.items() if count}
    async with connection.transaction():
        run_id = await connection.fetchval(
            _RUN,
            snapshot.workspace_id,
            snapshot.data_version,
            found.bars,
            found.symbols,
            len(found.coverages),
            found.coverages[0].session if found.coverages else None,
            found.coverages[-1].session if found.coverages else None,
            found.is_exchange,
            json.dumps(counts),
            json.dumps(found.symbols_by_worst),
            len(found.findings),
            len(kept),
            started_at,
            found.took_ms,
        )
        for start in range(0, len(kept), _PIECE):
            piece = await asyncio.to_thread(_encode, kept[start : start + _PIECE], start)
            await connection.execute(_FINDINGS, run_id, piece, snapshot.workspace_id)
        await connection.execute(_PRUNE, snapshot.workspace_id, runs_kept)
    return await find_run(connection, snapshot.workspace, str(run_id))


def _encode(findings: Sequence[Finding], first: int) -> str:
    rows = [
        {"place": place, **{name: each[name] for name in ("kind", "severity", "symbol", "from", "to", "detail")}}
        for place, each in enumerate(msgspec.to_builtins(list(findings)), start=first)
    ]
    return msgspec.json.encode(rows).decode()


async def list_runs(
    connection: asyncpg.Connection, workspace: str, *, limit: int = 50, before: str | None = None
) -> list[QualityRun]:
    """Runs of a workspace, the newest first; `before` is the `run_id` after which a page goes on."""
    rows = await connection.fetch(_RUNS, workspace, _run_number(before), None, max(1, min(limit, PAGE_MAX)))
    return [_run(row) for row in rows]


async def find_run(connection: asyncpg.Connection, workspace: str, run_id: str | None = None) -> QualityRun:
    """One run, the newest where none is named; DataNotFound where there was none yet, NotFound for an unknown id."""
    rows = await connection.fetch(_RUNS, workspace, None, _run_number(run_id), 1)
    if rows:
        return _run(rows[0])
    if run_id is not None:
        raise NotFound(f"there is no quality run {run_id!r} of {workspace}: ralph quality ls", field="run_id")
    raise DataNotFound(
        f"the bars of {workspace} have not been looked at yet", field="workspace", accepted="ralph quality run"
    )


async def list_findings(
    connection: asyncpg.Connection,
    run: QualityRun,
    wanted: Wanted = ALL,
    *,
    after: str | None = None,
    limit: int = 100,
) -> tuple[list[Finding], str | None]:
    """Findings of a run in its order, and the cursor of the next page. BadParameter for a cursor that is none."""
    place = -1 if after is None else _place(after)
    limit = max(1, min(limit, FINDINGS_KEPT_MAX))
    rows = await connection.fetch(_LIST, int(run.run_id), place, *msgspec.structs.astuple(wanted), limit + 1)
    found = [
        find(
            row["kind"],
            Symbol(row["symbol"]) if row["symbol"] else None,
            row["first_on"],
            row["last_on"],
            msgspec.json.decode(row["detail"], type=Detail),
        )
        for row in rows[:limit]
    ]
    return found, str(rows[limit - 1]["place"]) if len(rows) > limit else None


def _place(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
        raise BadParameter(
            f"{cursor[:40]!r} is no cursor", field="cursor", accepted="what `next` of the page before says"
        )
    return int(cursor)


def _run_number(run_id: str | None) -> int | None:
    if run_id is None:
        return None
    if not (run_id.isascii() and run_id.isdigit() and len(run_id) < 19):
        raise NotFound(f"{run_id[:40]!r} is no run id: ids are whole numbers", field="run_id")
    return int(run_id)


def _run(row: Mapping[str, Any]) -> QualityRun:
    known = dict(row)
    counts, worst = json.loads(known.pop("counts")), json.loads(known.pop("worst"))
    counts = {kind: counts[kind] for kind in KINDS if kind in counts}  # jsonb has an order of its own
    return QualityRun(run_id=str(known.pop("id")), counts=counts, worst=worst, **known)
