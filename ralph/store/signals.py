"""Signals and their transitions: written a Session at a time, whole or not at all; read by filter and page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, NamedTuple

import asyncpg
import msgspec

from ralph.errors import BadParameter, NotFound, NotReady
from ralph.signals.history import Closing, Played, merged
from ralph.signals.signal import Grade, Signal, State, Transition
from ralph.signals.systems import System
from ralph.store.database import is_gone

PLACES: dict[State, int] = {"armed": 0, "triggered": 1, "closed": 2, "expired": 2}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which Signals; None: any. since, until: Sessions they were armed on, both included."""

    system: str | None = None
    symbol: str | None = None
    state: State | None = None
    grade: Grade | None = None
    gate: str | None = None
    since: date | None = None
    until: date | None = None


class Chain(NamedTuple):
    """The first and the last Session that was played for a system."""

    first: date
    last: date


_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtext('ralph signals'), hashtext($1))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('ralph signals'), hashtext($1))"

_STAGE = """
    CREATE TEMPORARY TABLE signals_in (
        id text, system text, code text, armed_on date, version text, state text, grade text, gate text,
        score double precision, closed_on date, content json
    ) ON COMMIT DROP
"""
_STAGED = ("id", "system", "code", "armed_on", "version", "state", "grade", "gate", "score", "closed_on", "content")

# Those that are over come first: of a system and Symbol only one may be open at a time.
_MERGE = """
    INSERT INTO signals (workspace_id, id, system, symbol_id, armed_on, version, state, grade, gate, score, closed_on,
                         content)
         SELECT w.id, i.id, i.system, s.id, i.armed_on, i.version, i.state, i.grade, i.gate, i.score, i.closed_on,
                i.content
           FROM signals_in i
           JOIN workspaces w ON w.name = $1
           JOIN symbols s ON s.workspace_id = w.id AND s.code = i.code
       ORDER BY i.closed_on IS NULL, i.id
    ON CONFLICT (workspace_id, id) DO UPDATE
            SET state = excluded.state, closed_on = excluded.closed_on, content = excluded.content
"""

_STEPS = """
    INSERT INTO signal_transitions (workspace_id, signal_id, place, session_on, state, price, reason)
         SELECT w.id, t.*
           FROM unnest($2::text[], $3::smallint[], $4::date[], $5::text[], $6::double precision[], $7::text[])
                AS t (signal_id, place, session_on, state, price, reason)
           JOIN workspaces w ON w.name = $1
"""

_SESSIONS = """
    INSERT INTO signal_sessions (workspace_id, system, session_on, version, data_version)
         SELECT w.id, p.system, p.session_on, p.version, $5::text::bigint
           FROM unnest($2::text[], $3::date[], $4::text[]) AS p (system, session_on, version)
           JOIN workspaces w ON w.name = $1
"""

_RULES = "INSERT INTO signal_rules (system, version, rules) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"

_CHAINS = """
    SELECT p.system, min(p.session_on) AS first, max(p.session_on) AS last
      FROM signal_sessions p
      JOIN workspaces w ON w.id = p.workspace_id
     WHERE w.name = $1
  GROUP BY p.system
"""

_FORGET = (
    "DELETE FROM signals WHERE system = ANY($2) AND workspace_id = (SELECT id FROM workspaces WHERE name = $1)",
    "DELETE FROM signal_sessions WHERE system = ANY($2) AND workspace_id = (SELECT id FROM workspaces WHERE name = $1)",
)

_PAGE = """
    SELECT g.content
      FROM signals g
      JOIN workspaces w ON w.id = g.workspace_id
      JOIN symbols s ON s.id = g.symbol_id
     WHERE w.name = $1
       AND ($2::text IS NULL OR g.system = $2)
       AND ($3::text IS NULL OR s.code = $3)
       AND ($4::text IS NULL OR g.state = $4)
       AND ($5::text IS NULL OR g.grade = $5)
       AND ($6::text IS NULL OR g.gate = $6)
       AND ($7::date IS NULL OR g.armed_on >= $7)
       AND ($8::date IS NULL OR g.armed_on <= $8)
       AND ($9::date IS NULL OR (g.armed_on, g.id) < ($9, $10::text))
  ORDER BY g.armed_on DESC, g.id DESC
     LIMIT $11
"""

_OPEN = """
    SELECT g.content
      FROM signals g
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE w.name = $1
       AND g.system = ANY($2::text[])
       AND (g.state IN ('armed', 'triggered') OR g.state = 'closed' AND g.closed_on >= $3)
"""

_CLOSINGS = """
    SELECT c.signal_id, c.session_on, c.price
      FROM signal_closings c
      JOIN workspaces w ON w.id = c.workspace_id
     WHERE w.name = $1
"""

_COUNTS = """
    SELECT w.name, state, count(*)
      FROM signals g
      JOIN workspaces w ON w.id = g.workspace_id
  GROUP BY w.name, state
"""

_FIND = """
    SELECT g.content
      FROM signals g
      JOIN workspaces w ON w.id = g.workspace_id
     WHERE w.name = $1 AND g.id = $2
"""

_TRANSITIONS = """
    SELECT t.signal_id, t.session_on, t.state, t.price, t.reason
      FROM signal_transitions t
      JOIN workspaces w ON w.id = t.workspace_id
     WHERE w.name = $1 AND t.signal_id = $2
  ORDER BY t.place
"""

_CLOSE = """
    INSERT INTO signal_closings (workspace_id, signal_id, session_on, price)
         SELECT id, $2, $3, $4 FROM workspaces WHERE name = $1
    ON CONFLICT (workspace_id, signal_id) DO UPDATE SET session_on = excluded.session_on, price = excluded.price
"""


@asynccontextmanager
async def one_at_a_time(connection: asyncpg.Connection, workspace: str) -> AsyncIterator[None]:
    """Holds off whoever else would move a workspace's Signals; NotReady while another does, in any process."""
    if not await connection.fetchval(_TRY_LOCK, workspace):
        raise NotReady(f"signals of {workspace} are being made; ask again when that is done")
    try:
        yield
    finally:
        if not is_gone(connection):
            await connection.execute(_UNLOCK, workspace)


async def write_sessions(
    connection: asyncpg.Connection, workspace: str, days: Sequence[Sequence[Played]], data_version: str
) -> None:
    """What some Sessions in a row did, in one transaction."""
    every = [played for day in days for played in day]
    async with connection.transaction():
        await _write_signals(connection, workspace, list(merged(days).values()))
        await _write_steps(connection, workspace, [step for played in every for step in played.transitions])
        columns = [each.system for each in every], [each.on for each in every], [each.version for each in every]
        await connection.execute(_SESSIONS, workspace, *columns, data_version)


async def write_step(
    connection: asyncpg.Connection, workspace: str, signal: Signal, steps: Sequence[Transition], closing: Closing
) -> None:
    """A Signal that a person closed."""
    async with connection.transaction():
        await _write_signals(connection, workspace, [signal])
        await _write_steps(connection, workspace, steps)
        await connection.execute(_CLOSE, workspace, closing.signal_id, closing.on, closing.price)


async def write_rules(connection: asyncpg.Connection, systems: Sequence[System]) -> None:
    """What the versions of systems stand for."""
    rows = [(each.name, each.version, msgspec.json.encode(each.rules).decode()) for each in systems]
    await connection.executemany(_RULES, rows)


async def chains(connection: asyncpg.Connection, workspace: str) -> dict[str, Chain]:
    """Which Sessions were played, by system."""
    rows = await connection.fetch(_CHAINS, workspace)
    return {row["system"]: Chain(row["first"], row["last"]) for row in rows}


async def forget(connection: asyncpg.Connection, workspace: str, systems: Sequence[str]) -> None:
    """Removes the history of systems; what was closed by hand stays known."""
    async with connection.transaction():
        for statement in _FORGET:
            await connection.execute(statement, workspace, list(systems))


async def open_signals(
    connection: asyncpg.Connection, workspace: str, systems: Sequence[str], closed_since: date
) -> list[Signal]:
    """Those that bars can still change, and those that were closed since a day."""
    return [_signal(row) for row in await connection.fetch(_OPEN, workspace, list(systems), closed_since)]


async def closings(connection: asyncpg.Connection, workspace: str) -> list[Closing]:
    """All that was closed by hand."""
    return [Closing(*row) for row in await connection.fetch(_CLOSINGS, workspace)]


async def signals_page(
    connection: asyncpg.Connection, workspace: str, asked: Asked, limit: int, after: str | None = None
) -> tuple[list[Signal], str | None]:
    """Signals, those armed last first, and the cursor of the next page (None at the end)."""
    rows = await _fetch(connection, workspace, asked, limit + 1, after)
    found = [_signal(row) for row in rows[:limit]]
    return found, f"{found[-1].armed_on}.{found[-1].id}" if len(rows) > limit else None


async def signal_texts(connection: asyncpg.Connection, workspace: str, asked: Asked) -> list[str]:
    """All Signals of a filter as JSON: whoever wants many decodes them beside the event loop."""
    return [row["content"] for row in await _fetch(connection, workspace, asked, None, None)]


async def _fetch(
    connection: asyncpg.Connection, workspace: str, asked: Asked, limit: int | None, after: str | None
) -> list[asyncpg.Record]:
    place: tuple[date | None, str | None] = (None, None) if after is None else _place(after)
    filters = (asked.system, asked.symbol, asked.state, asked.grade, asked.gate, asked.since, asked.until)
    rows: list[asyncpg.Record] = await connection.fetch(_PAGE, workspace, *filters, *place, limit)
    return rows


async def count_by_state(connection: asyncpg.Connection) -> dict[tuple[str, str], int]:
    """How many there are by (workspace, state)."""
    return {(row["name"], row["state"]): row["count"] for row in await connection.fetch(_COUNTS)}


async def find_signal(connection: asyncpg.Connection, workspace: str, given: str) -> tuple[Signal, list[Transition]]:
    """A Signal by its id, with its transitions in order; NotFound."""
    asked = given.replace("\0", "")
    row = await connection.fetchrow(_FIND, workspace, asked)
    if row is None:
        raise NotFound(
            f"there is no signal {given[:40]!r} in workspace {workspace}",
            field="signal",
            accepted="an id as the list of signals shows it",
        )
    steps = await connection.fetch(_TRANSITIONS, workspace, asked)
    return _signal(row), [Transition(*step) for step in steps]


def _signal(row: asyncpg.Record) -> Signal:
    return msgspec.json.decode(row["content"], type=Signal)


def _place(cursor: str) -> tuple[date, str]:
    day, _, last = cursor.partition(".")
    try:
        return date.fromisoformat(day), last.replace("\0", "")
    except ValueError:
        raise BadParameter(
            "this cursor is none of ours", field="cursor", accepted="`next` of the page before"
        ) from None


def _staged(signal: Signal) -> tuple[Any, ...]:
    about = (signal.id, signal.system, signal.symbol, signal.armed_on, signal.version, signal.state, signal.grade)
    return (*about, signal.gate, signal.score, signal.closed_on, msgspec.json.encode(signal).decode())


async def _write_signals(connection: asyncpg.Connection, workspace: str, signals: Sequence[Signal]) -> None:
    if not signals:
        return
    await connection.execute(_STAGE)
    records = [_staged(signal) for signal in signals]
    await connection.copy_records_to_table("signals_in", records=records, columns=_STAGED)
    await connection.execute(_MERGE, workspace)


async def _write_steps(connection: asyncpg.Connection, workspace: str, steps: Sequence[Transition]) -> None:
    rows = [(one.signal_id, PLACES[one.state], one.on, one.state, one.price, one.reason) for one in steps]
    if rows:
        await connection.execute(_STEPS, workspace, *(list(column) for column in zip(*rows, strict=True)))
