"""What is older than its limit: shown, and removed by whole partitions where they fall out, by rows where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import asyncpg
import msgspec

from ralph.config import RetentionConfig
from ralph.errors import BadParameter, Unavailable
from ralph.store.workspaces import CHANGED

Table = Literal[
    "bars_daily",
    "bars_minute",
    "ticks",
    "import_runs",
    "screen_runs",
    "jobs",
    "schedule_ticks",
    "web_sessions",
]

LOCK_S = 10  # a partition goes when nobody reads it; whoever scans for longer is not waited for
STATEMENT_S = 3_600.0


class Removal(msgspec.Struct, frozen=True):
    """What of a table is older than its limit: rows from the oldest to the newest of them, on those days; `before` is
    the first day that stays, None where the table is kept for ever."""

    table: Table
    setting: str
    before: date | None
    rows: int
    oldest: date | None
    newest: date | None


_DAILY = """
    SELECT count(*) AS rows, min(session_on) AS oldest, max(session_on) AS newest
      FROM bars_daily
     WHERE session_on < $1
"""

_MINUTE = """
    SELECT count(*) AS rows, min(opened_at)::date AS oldest, max(opened_at)::date AS newest
      FROM bars_minute
     WHERE opened_at < $1::date
"""

_TICKS = """
    SELECT count(*) AS rows, min(batch_at)::date AS oldest, max(batch_at)::date AS newest
      FROM ticks
     WHERE batch_at < $1::date
"""

_IMPORTS = """
    SELECT count(*) AS rows, min(started_at)::date AS oldest, max(started_at)::date AS newest
      FROM import_runs
     WHERE started_at < $1::date
"""

# The first run of a Session stands for what is in the log of hits, which is kept.
_SCREEN_RUNS = """
    SELECT count(*) AS rows, min(ran_at)::date AS oldest, max(ran_at)::date AS newest
      FROM screen_runs
     WHERE ran_at < $1::date AND NOT wrote_hits
"""

_JOBS = """
    SELECT count(*) AS rows, min(finished_at)::date AS oldest, max(finished_at)::date AS newest
      FROM jobs
     WHERE finished_at < $1::date
"""

_SCHEDULE_TICKS = """
    SELECT count(*) AS rows, min(tick)::date AS oldest, max(tick)::date AS newest
      FROM schedule_ticks
     WHERE tick < $1::date
"""

_WEB_SESSIONS = """
    SELECT count(*) AS rows, min(expires_at)::date AS oldest, max(expires_at)::date AS newest
      FROM web_sessions
     WHERE expires_at < $1::date
"""

_COUNTS: dict[Table, str] = {
    "bars_daily": _DAILY,
    "bars_minute": _MINUTE,
    "ticks": _TICKS,
    "import_runs": _IMPORTS,
    "screen_runs": _SCREEN_RUNS,
    "jobs": _JOBS,
    "schedule_ticks": _SCHEDULE_TICKS,
    "web_sessions": _WEB_SESSIONS,
}

_DELETES: dict[Table, str] = {
    "bars_daily": "DELETE FROM bars_daily WHERE session_on < $1",
    "bars_minute": "DELETE FROM bars_minute WHERE opened_at < $1::date",
    "ticks": "DELETE FROM ticks WHERE batch_at < $1::date",
    "import_runs": "DELETE FROM import_runs WHERE started_at < $1::date",
    "screen_runs": "DELETE FROM screen_runs WHERE ran_at < $1::date AND NOT wrote_hits",
    "jobs": "DELETE FROM jobs WHERE finished_at < $1::date",
    "schedule_ticks": "DELETE FROM schedule_ticks WHERE tick < $1::date",
    "web_sessions": "DELETE FROM web_sessions WHERE expires_at < $1::date",
}

_PARTITIONED: frozenset[Table] = frozenset({"bars_daily", "bars_minute", "ticks"})

_DROP = "SELECT drop_partitions($1::text::regclass, $2)"

_UNFLAG = "DELETE FROM quality_flags WHERE session_on < $1"
_UNBASE = "DELETE FROM base_prices WHERE session_on < $1"

# The Panels of all workspaces are built anew; their versions grow as after an import.
_TOUCH = """
    WITH raised AS (
             UPDATE workspaces
                SET data_version = data_version + 1
          RETURNING id, name, data_version
         ), noted AS (
             INSERT INTO workspace_changes (workspace_id, data_version, since)
                  SELECT id, data_version, NULL
                    FROM raised
         )
  SELECT pg_notify($1, name)
    FROM raised
"""


def limits(config: RetentionConfig, today: date) -> dict[Table, tuple[str, date | None]]:
    """For each table the setting that holds and the first day that stays, None where it is kept for ever."""
    years = config.bars_years
    # 29 February has a 28th in every year.
    bars_before = today.replace(year=today.year - years, day=min(today.day, 28)) if years else None

    def days_ago(days: int) -> date | None:
        return today - timedelta(days=days) if days else None

    return {
        "bars_daily": ("retention.bars_years", bars_before),
        "bars_minute": ("retention.minute_bars_days", days_ago(config.minute_bars_days)),
        "ticks": ("retention.ticks_days", days_ago(config.ticks_days)),
        "import_runs": ("retention.import_runs_days", days_ago(config.import_runs_days)),
        "screen_runs": ("retention.screen_runs_days", days_ago(config.screen_runs_days)),
        "jobs": ("retention.jobs_days", days_ago(config.jobs_days)),
        "schedule_ticks": ("retention.jobs_days", days_ago(config.jobs_days)),
        "web_sessions": ("expired", today),
    }


async def plan_removal(
    connection: asyncpg.Connection, config: RetentionConfig, today: date | None = None
) -> list[Removal]:
    """What would be removed from each table; changes nothing."""
    known = limits(config, today or datetime.now(UTC).date())
    return [await _count(connection, table, *known[table]) for table in _COUNTS]


async def remove_expired(
    connection: asyncpg.Connection, config: RetentionConfig, today: date | None = None
) -> list[Removal]:
    """Removes what is older than its limit from every table but the daily bars, each table in one transaction.

    Unavailable where a partition is being read for longer than LOCK_S.
    """
    known = limits(config, today or datetime.now(UTC).date())
    removed = []
    for table in _COUNTS:
        if table != "bars_daily":
            async with _removing(connection):
                removal = await _count(connection, table, *known[table])
                if removal.rows:
                    await _remove(connection, removal)
            removed.append(removal)
    return removed


async def remove_bars(
    connection: asyncpg.Connection, config: RetentionConfig, confirmed: int, today: date | None = None
) -> Removal:
    """Removes daily bars beyond the limit, and what was noticed about them, in one transaction.

    confirmed  how many bars the caller was shown; BadParameter where it is another number now, or there is no limit
    """
    known = limits(config, today or datetime.now(UTC).date())
    async with _removing(connection):
        removal = await _count(connection, "bars_daily", *known["bars_daily"])
        if removal.before is None:
            raise BadParameter(
                "daily bars are kept for ever; set retention.bars_years to limit them",
                field="confirm_bars",
                accepted="RALPH_RETENTION__BARS_YEARS",
            )
        if removal.rows != confirmed:
            raise BadParameter(
                f"{removal.rows} bars before {removal.before} would go, not {confirmed}; nothing was removed",
                field="confirm_bars",
                accepted=str(removal.rows),
            )
        if removal.rows:
            await _remove(connection, removal)
            for about in (_UNFLAG, _UNBASE):
                await connection.execute(about, removal.before, timeout=STATEMENT_S)
            await connection.execute(_TOUCH, CHANGED)
    return removal


async def _count(connection: asyncpg.Connection, table: Table, setting: str, before: date | None) -> Removal:
    if before is None:
        return Removal(table, setting, None, 0, None, None)
    counted = await connection.fetchrow(_COUNTS[table], before, timeout=STATEMENT_S)
    return Removal(table, setting, before, counted["rows"], counted["oldest"], counted["newest"])


async def _remove(connection: asyncpg.Connection, removal: Removal) -> None:
    if removal.table in _PARTITIONED:
        await connection.fetchval(_DROP, removal.table, removal.before, timeout=STATEMENT_S)
    await connection.execute(_DELETES[removal.table], removal.before, timeout=STATEMENT_S)


@asynccontextmanager
async def _removing(connection: asyncpg.Connection) -> AsyncIterator[None]:
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{LOCK_S}s")
            yield
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable(f"old bars are being read or written for over {LOCK_S} s; try again later") from error
