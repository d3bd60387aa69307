"""Retention as a job: first what would go, then that and nothing else; hits and daily bars stay."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import msgspec
import pytest

from ralph.config import Config, RetentionConfig
from ralph.errors import BadParameter
from ralph.jobs.kind import JobContext, enqueue
from ralph.jobs.retiring import RETENTION, RetentionArgs, RetentionDone
from ralph.store.database import Database
from ralph.store.leases import Claim, Settlement, claim, settle

pytestmark = pytest.mark.anyio

_OLD_JOBS = """
    INSERT INTO jobs (kind, args, queue, owner, priority, state, key, created_at, finished_at)
         SELECT 'quality', '{}', 'long', 'owner', 0, 'succeeded', 'k' || n, now() - n * interval '100 days',
                now() - n * interval '100 days'
           FROM generate_series(1, 4) AS n
"""
_SCREEN = """
    INSERT INTO screens (workspace_id, name) SELECT id, 's' FROM workspaces WHERE name = 'main' RETURNING id
"""
_VERSION = "INSERT INTO screen_versions (screen_id, version, expression, universe) VALUES ($1, 1, 'close > 1', 'null')"
_RUNS = """
    INSERT INTO screen_runs (screen_id, version, session_on, data_version, scanned, matches, timing_ms, wrote_hits,
                             ran_at)
         SELECT $1, 1, '2026-01-05', 1, 1, 1, 1, n = 1, now() - n * interval '20 days'
           FROM generate_series(1, 4) AS n
"""
_FIRST_RUN = "UPDATE screen_runs SET ran_at = now() - interval '200 days' WHERE wrote_hits"


async def run(database_url: str, args: RetentionArgs, **limits: bool) -> tuple[str, RetentionDone]:
    """One job, done in order; its id and what it said."""
    database = Database()
    await database.connect(database_url)
    try:
        async with database.acquire() as connection:
            await enqueue(connection, RETENTION, args)
            (lease,) = await claim(connection, Claim("long", [RETENTION.name], "test", 60, 1))
        config = Config(home=Path("/nowhere"), retention=RetentionConfig(**limits))
        done = await RETENTION.run(JobContext(lease, config, database, lambda phase, done, total: None), args)
        assert isinstance(done, RetentionDone)
        async with database.acquire() as connection:
            text = msgspec.json.encode(done).decode()
            await settle(connection, [Settlement(lease.id, lease.attempt, "succeeded", text)])
        return lease.id, done
    finally:
        await database.close()


def counted(done: RetentionDone) -> dict[str, int]:
    return {each.table: each.rows for each in done.removals if each.rows}


async def test_only_what_was_shown_goes(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute(_OLD_JOBS)
    screen = await connection.fetchval(_SCREEN)
    await connection.execute(_VERSION, screen)
    await connection.execute(_RUNS, screen)
    await connection.execute(_FIRST_RUN)
    shown, said = await run(database_url, RetentionArgs())
    assert (said.applied, counted(said)) == (False, {"jobs": 3, "screen_runs": 3})
    await connection.execute("UPDATE jobs SET finished_at = now() - interval '300 days' WHERE key = 'k1'")
    with pytest.raises(BadParameter, match="4 rows of jobs would go, and 3 were shown"):
        await run(database_url, RetentionArgs(apply=True, dry_run=shown))
    again, _ = await run(database_url, RetentionArgs())
    _, done = await run(database_url, RetentionArgs(apply=True, dry_run=again))
    assert (done.applied, counted(done)) == (True, {"jobs": 4, "screen_runs": 3})
    assert await connection.fetchval("SELECT count(*) FROM jobs WHERE kind = 'quality'") == 0
    assert await connection.fetchval("SELECT bool_and(wrote_hits) FROM screen_runs")


async def test_without_a_dry_run_only_the_setting_removes(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute(_OLD_JOBS)
    with pytest.raises(BadParameter, match="dry run"):
        await run(database_url, RetentionArgs(apply=True))
    other = await connection.fetchval("SELECT id::text FROM jobs WHERE key = 'k1'")
    with pytest.raises(BadParameter, match="said nothing of retention"):
        await run(database_url, RetentionArgs(apply=True, dry_run=other))
    _, done = await run(database_url, RetentionArgs(apply=True), scheduled=True)
    assert counted(done) == {"jobs": 3}
