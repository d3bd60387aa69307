"""What is kept of schedules: which ticks are over, which are begun and by which job, and which schedules rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from ralph.store.ledger import JobId, JobState


class ScheduleRow(msgspec.Struct, frozen=True):
    """A schedule as it is kept: the text it was last seen with; ticks up to `since` are over."""

    name: str
    text: str
    since: datetime
    paused_at: datetime | None


class ScheduledScreen(msgspec.Struct, frozen=True):
    """A saved screen that runs by itself."""

    id: str
    name: str
    workspace: str
    schedule: str


class Begun(msgspec.Struct, frozen=True):
    """A tick that was begun, and its job, None once that was removed. by_hand: somebody asked for it."""

    tick: datetime
    by_hand: bool
    job: JobId | None
    state: JobState | None


class Seen(NamedTuple):
    """Everything about schedules at an instant of the database's clock."""

    now: datetime
    rows: Mapping[str, ScheduleRow]
    screens: Sequence[ScheduledScreen]


_ROWS = "SELECT name, text, since, paused_at FROM schedules"

_SCREENS = """
    SELECT s.id::text AS id, s.name, w.name AS workspace, s.schedule
      FROM screens s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE s.schedule IS NOT NULL AND s.removed_at IS NULL
  ORDER BY s.id
"""

_KNOW = """
    INSERT INTO schedules (name, text)
         SELECT * FROM unnest($1::text[], $2::text[])
    ON CONFLICT (name) DO UPDATE
            SET text = excluded.text, since = now()
          WHERE schedules.text <> excluded.text
"""

_PAUSE = "UPDATE schedules SET paused_at = coalesce(paused_at, now()) WHERE name = $1"

_RESUME = """
    UPDATE schedules
       SET paused_at = NULL, since = greatest(since, now())
     WHERE name = $1 AND paused_at IS NOT NULL
"""

_BEGIN = """
    INSERT INTO schedule_ticks (schedule, tick)
         SELECT name, $2
           FROM schedules
          WHERE name = ANY ($1::text[]) AND paused_at IS NULL AND since < $2
       ORDER BY name
    ON CONFLICT DO NOTHING
      RETURNING schedule
"""

_OVER = "UPDATE schedules SET since = $2 WHERE name = ANY ($1::text[]) AND since < $2"

_BY_HAND = """
    INSERT INTO schedule_ticks (schedule, tick, by_hand)
         VALUES ($1, clock_timestamp(), true)
      RETURNING tick
"""

_LINK = "UPDATE schedule_ticks SET job_id = $3 WHERE schedule = ANY ($1::text[]) AND tick = $2"

_LAST = """
    SELECT DISTINCT ON (t.schedule) t.schedule, t.tick, t.by_hand, j.id::text AS job, j.state
      FROM schedule_ticks t
 LEFT JOIN jobs j ON j.id = t.job_id
  ORDER BY t.schedule, t.tick DESC
"""


async def look(connection: asyncpg.Connection) -> Seen:
    """All schedules as they are kept, the screens that run by themselves, and what time it is."""
    rows = [ScheduleRow(**row) for row in await connection.fetch(_ROWS)]
    screens = [ScheduledScreen(**row) for row in await connection.fetch(_SCREENS)]
    return Seen(await connection.fetchval("SELECT now()"), {row.name: row for row in rows}, screens)


async def know(connection: asyncpg.Connection, texts: Mapping[str, str]) -> None:
    """Keep schedules by name and text. One that is new, or has another text now, begins now."""
    names = sorted(texts)
    await connection.execute(_KNOW, names, [texts[name] for name in names])


async def pause(connection: asyncpg.Connection, name: str) -> None:
    """No tick of it is begun until it is resumed."""
    await connection.execute(_PAUSE, name)


async def resume(connection: asyncpg.Connection, name: str) -> None:
    """It goes on with the next tick; those that passed in the meantime are over."""
    await connection.execute(_RESUME, name)


async def begin(connection: asyncpg.Connection, names: Sequence[str], tick: datetime) -> list[str]:
    """Those of the schedules whose tick is begun by this transaction: not paused, not over, begun by nobody else. The
    ticks before are over, too."""
    begun = [row["schedule"] for row in await connection.fetch(_BEGIN, sorted(names), tick)]
    if begun:
        await connection.execute(_OVER, begun, tick)
    return begun


async def begin_by_hand(connection: asyncpg.Connection, name: str) -> datetime:
    """A tick of its own, now, apart from those of the clock."""
    tick: datetime = await connection.fetchval(_BY_HAND, name)
    return tick


async def link(connection: asyncpg.Connection, names: Sequence[str], tick: datetime, job_id: JobId) -> None:
    """Which job a tick began."""
    await connection.execute(_LINK, list(names), tick, int(job_id))


async def last_begun(connection: asyncpg.Connection) -> dict[str, Begun]:
    """The newest tick of each schedule that was begun."""
    rows = await connection.fetch(_LAST)
    return {row["schedule"]: Begun(row["tick"], row["by_hand"], row["job"], row["state"]) for row in rows}
