"""What saved screens found: each run, and once a version and Session who matched, for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import asyncpg
import msgspec

from ralph.errors import BadParameter
from ralph.market.symbol import Symbol
from ralph.store.screens import SavedScreen

DAYS_MAX = 10_000  # hits of a Symbol in one answer


class ScreenRun(msgspec.Struct, frozen=True):
    """One run: as of which Session, on which data, how many matched of how many, and how long it took.

    wrote_hits  it was the first of its version and Session, so its matches are in the log
    """

    id: str
    version: int
    as_of: date
    data_version: str
    total_scanned: int
    total_matches: int
    timing_ms: float
    wrote_hits: bool
    ran_at: datetime


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A Symbol that matched a version of a screen as of a Session; score 0-100."""

    as_of: date
    symbol: Symbol
    name: str | None
    version: int
    score: float


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A screen that a Symbol matched as of a Session."""

    screen_id: str
    screen: str
    as_of: date
    version: int
    score: float


class Range(NamedTuple):
    """Sessions from and to, both included; None: without an end."""

    since: date | None = None
    until: date | None = None


class Place(NamedTuple):
    """Where a page of hits ended."""

    as_of: date
    version: int
    symbol: str


class Outcome(msgspec.Struct, frozen=True):
    """A run to be recorded, with the Symbols that matched and their scores."""

    version: int
    as_of: date
    data_version: str
    total_scanned: int
    timing_ms: float
    symbols: Sequence[str]
    scores: Sequence[float]


_RECORD = """
    INSERT INTO screen_runs (screen_id, version, session_on, data_version, scanned, matches, timing_ms, wrote_hits)
         VALUES ($1, $2, $3, $4::text::bigint, $5, $6, $7, true)
    ON CONFLICT (screen_id, version, session_on) WHERE wrote_hits DO NOTHING
      RETURNING id
"""

_RECORD_AGAIN = """
    INSERT INTO screen_runs (screen_id, version, session_on, data_version, scanned, matches, timing_ms, wrote_hits)
         VALUES ($1, $2, $3, $4::text::bigint, $5, $6, $7, false)
"""

_WRITE_HITS = """
    INSERT INTO screen_hits (screen_id, version, session_on, symbol_id, score)
         SELECT $1, $2, $3, y.id, given.score
           FROM unnest($4::text[], $5::double precision[]) AS given (code, score)
           JOIN screens s ON s.id = $1
           JOIN symbols y ON y.workspace_id = s.workspace_id AND y.code = given.code
"""

_WRITTEN = "SELECT session_on FROM screen_runs WHERE screen_id = $1 AND version = $2 AND wrote_hits"

_RUNS = """
    SELECT id::text AS id, version, session_on AS as_of, data_version::text AS data_version, scanned AS total_scanned,
           matches AS total_matches, timing_ms, wrote_hits, ran_at
      FROM screen_runs
     WHERE screen_id = $1 AND ($2::bigint IS NULL OR id < $2)
  ORDER BY screen_runs.id DESC
     LIMIT $3
"""

_HITS = """
    SELECT h.session_on AS as_of, y.code AS symbol, y.name, h.version, h.score
      FROM screen_hits h
      JOIN symbols y ON y.id = h.symbol_id
     WHERE h.screen_id = $1
       AND ($2::date IS NULL OR h.session_on >= $2)
       AND ($3::date IS NULL OR h.session_on <= $3)
       AND ($4::date IS NULL
            OR (h.session_on <= $4 AND (h.session_on < $4 OR h.version < $5::integer
                                        OR (h.version = $5::integer AND y.code COLLATE "C" > $6::text))))
  ORDER BY h.session_on DESC, h.version DESC, y.code COLLATE "C"
     LIMIT $7
"""

_PASSED = """
    SELECT s.id::text AS screen_id, s.name AS screen, h.session_on AS as_of, h.version, h.score
      FROM screen_hits h
      JOIN symbols y ON y.id = h.symbol_id
      JOIN screens s ON s.id = h.screen_id AND s.removed_at IS NULL
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1 AND y.workspace_id = w.id AND y.code = $2
       AND ($3::date IS NULL OR h.session_on >= $3)
       AND ($4::date IS NULL OR h.session_on <= $4)
  ORDER BY h.session_on DESC, lower(s.name), h.version DESC
     LIMIT $5
"""


async def record_run(connection: asyncpg.Connection, screen_id: str, outcome: Outcome) -> bool:
    """Keeps a run; whether its matches were written, which happens once a version and Session: whole, or not at all."""
    about = (int(screen_id), outcome.version, outcome.as_of)
    figures = (outcome.data_version, outcome.total_scanned, len(outcome.symbols), outcome.timing_ms)
    async with connection.transaction():
        if await connection.fetchval(_RECORD, *about, *figures) is None:
            await connection.execute(_RECORD_AGAIN, *about, *figures)
            return False
        await connection.execute(_WRITE_HITS, *about, list(outcome.symbols), list(outcome.scores))
    return True


async def written_sessions(connection: asyncpg.Connection, found: SavedScreen) -> set[date]:
    """The Sessions of which the newest version's matches are in the log."""
    return {row["session_on"] for row in await connection.fetch(_WRITTEN, int(found.id), found.version)}


async def runs_of(
    connection: asyncpg.Connection, found: SavedScreen, limit: int, before: str | None = None
) -> list[ScreenRun]:
    """Runs, the newest first; `before` is the id of the last one of the page before."""
    if before is not None and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise BadParameter("this cursor is none of ours", field="cursor", accepted="`next` of the page before")
    rows = await connection.fetch(_RUNS, int(found.id), None if before is None else int(before), limit)
    return [ScreenRun(**row) for row in rows]


async def hits_of(
    connection: asyncpg.Connection,
    found: SavedScreen,
    within: Range,
    limit: int,
    after: Place | None = None,
) -> list[Hit]:
    """Hits, the newest Session first; `after` is where the page before ended."""
    place = after or (None, None, None)
    return [Hit(**row) for row in await connection.fetch(_HITS, int(found.id), *within, *place, limit)]


async def passed_by(connection: asyncpg.Connection, workspace: str, symbol: Symbol, within: Range) -> list[Passed]:
    """Which screens a Symbol matched and when, the newest first; no more than DAYS_MAX."""
    rows = await connection.fetch(_PASSED, workspace, symbol, *within, DAYS_MAX)
    return [Passed(**row) for row in rows]
