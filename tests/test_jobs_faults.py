"""Workers, Redis and Postgres are killed in the midst of jobs: each effect happens once, and every job ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import ledger_kinds
import pytest
import redis.asyncio
from ledger_kinds import ACT, APART, STEPS, STEPS_APART, StepArgs, WordArgs
from ledger_worker import SHORT

from ralph.config import Config
from ralph.embedded.child import Child
from ralph.embedded.home import Home
from ralph.embedded.redis import Redis
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import CacheDown, DatabaseDown
from ralph.jobs.bell import Bell
from ralph.jobs.kind import enqueue
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database
from ralph.store.ledger import QUEUES, cancel_job
from ralph.store.migrate import migrate

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parent
PATIENCE_S = 120  # for what takes as long as the machine lets it
STEPS_EACH = 6
_EFFECTS = "SELECT job_id, array_agg(step ORDER BY step) AS steps FROM effects GROUP BY job_id"
_STATES = "SELECT state, count(*) FROM jobs GROUP BY state"
_WRONG = "SELECT kind, error ->> 'message' AS why, count(*) FROM jobs WHERE state <> 'succeeded' GROUP BY 1, 2"
_OPEN = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
_AT_WORK = "SELECT count(*) FROM jobs WHERE state = 'running' AND split_part(worker, '/', 2) = $1"
_RESTARTED = "SELECT extract(epoch FROM started_at)::float8 FROM jobs WHERE attempt = 2"


@contextmanager
def worker_process(
    home: Path, database_url: str, redis_url: str, pace: str = "short"
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "ledger_worker.py"), str(home), database_url, redis_url, pace],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


async def working(connection: asyncpg.Connection, process: subprocess.Popen[bytes], count: int = 1) -> None:
    """Wait until so many jobs are at work in that process."""
    async with asyncio.timeout(PATIENCE_S):
        while await connection.fetchval(_AT_WORK, str(process.pid)) < count:  # noqa: ASYNC110  # it is elsewhere
            await asyncio.sleep(0.01)


async def drain(connection: asyncpg.Connection) -> None:
    """Wait until no job is left, for as long as they become fewer."""
    left = await connection.fetchval(_OPEN)
    while left:
        async with asyncio.timeout(PATIENCE_S):
            while (now := await connection.fetchval(_OPEN)) >= left:  # noqa: ASYNC110  # the ledger is elsewhere
                await asyncio.sleep(0.05)
        left = now


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.long)])
async def test_a_worker_killed_at_any_moment_costs_nothing(
    connection: asyncpg.Connection, database_url: str, redis_url: str, tmp_path: Path, kills: int
) -> None:
    """kill -9 at random points of jobs here and in children: every job ends, every effect happens once."""
    chance = random.Random(kills)
    await connection.execute(ledger_kinds.EFFECTS)
    for _ in range(kills):
        for kind in (STEPS, STEPS, STEPS_APART):
            await enqueue(connection, kind, StepArgs(STEPS_EACH, 0.05))
        with worker_process(tmp_path, database_url, redis_url) as process:
            await working(connection, process)
            await asyncio.sleep(chance.uniform(0, 1.0))
            process.kill()
            process.wait()
        # Kills by nature come to more than five attempts of one job; that limit has a test of its own.
        await connection.execute("UPDATE jobs SET handovers = attempt WHERE state IN ('queued', 'running')")
    with worker_process(tmp_path, database_url, redis_url):
        await drain(connection)
    assert await connection.fetch(_WRONG) == []
    assert dict(await connection.fetch(_STATES)) == {"succeeded": 3 * kills}
    effects = dict(await connection.fetch(_EFFECTS))
    assert len(effects) == 3 * kills
    assert all(steps == list(range(STEPS_EACH)) for steps in effects.values())


@pytest.mark.long
async def test_a_killed_workers_job_goes_on_within_thirty_seconds(
    connection: asyncpg.Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """With the leases and sweeps that are there by default, here and in a process of its own."""
    await connection.execute(ledger_kinds.EFFECTS)
    for kind in (STEPS, STEPS_APART):
        await enqueue(connection, kind, StepArgs(STEPS_EACH, 0.5))
    with worker_process(tmp_path, database_url, redis_url, "default") as process:
        await working(connection, process, 2)
        process.kill()
        killed_at = time.time()
    with worker_process(tmp_path, database_url, redis_url, "default"):
        await drain(connection)
    again = [row[0] - killed_at for row in await connection.fetch(_RESTARTED)]
    assert len(again) == 2
    assert max(again) <= 30
    assert await connection.fetch(_WRONG) == []
    assert all(steps == list(range(STEPS_EACH)) for steps in dict(await connection.fetch(_EFFECTS)).values())


@pytest.mark.long
async def test_a_worker_told_to_stop_has_ended_within_ten_seconds(
    connection: asyncpg.Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """What is nearly done is finished, the rest is handed over and no attempt counts for it, not even of a process
    that hears nothing; nothing happens twice."""
    await connection.execute(ledger_kinds.EFFECTS)
    near = await enqueue(connection, STEPS, StepArgs(4, 0.5))
    far = [await enqueue(connection, kind, StepArgs(30, 0.5)) for kind in (STEPS, STEPS_APART)]
    deaf = await enqueue(connection, APART, WordArgs("deaf"))
    with worker_process(tmp_path, database_url, redis_url, "default") as process:
        await working(connection, process, 4)
        await asyncio.sleep(1.0)
        told_at = time.monotonic()
        process.terminate()
        await asyncio.to_thread(process.wait, PATIENCE_S)
        assert time.monotonic() - told_at <= 10
    rows = {str(row["id"]): row for row in await connection.fetch("SELECT * FROM jobs")}
    assert rows[near]["state"] == "succeeded"
    assert {rows[each]["state"] for each in (*far, deaf)} == {"queued"}
    assert {rows[each]["attempt"] - rows[each]["handovers"] for each in (*far, deaf)} == {0}
    await cancel_job(connection, deaf)
    with worker_process(tmp_path, database_url, redis_url):
        await drain(connection)
    effects = dict(await connection.fetch(_EFFECTS))
    assert effects == {near: list(range(4))} | {each: list(range(30)) for each in far}


async def test_a_job_that_kills_its_worker_is_dead_after_five(
    connection: asyncpg.Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """It takes one worker with it; from then on it is tried in a process of its own, and the others end well."""
    poison = await enqueue(connection, ACT, WordArgs("die"), priority=1)
    good = [await enqueue(connection, ACT, WordArgs()) for _ in range(3)]
    with worker_process(tmp_path, database_url, redis_url) as first:
        await asyncio.to_thread(first.wait, PATIENCE_S)
    assert first.returncode == -signal.SIGKILL
    with worker_process(tmp_path, database_url, redis_url) as second:
        await drain(connection)
        assert second.poll() is None
    rows = await connection.fetch("SELECT id::text, state, attempt FROM jobs ORDER BY id")
    assert tuple(rows[0]) == (poison, "dead", 5)
    assert [(row["id"], row["state"]) for row in rows[1:]] == [(job_id, "succeeded") for job_id in good]


@asynccontextmanager
async def own_servers(path: Path, **which: bool) -> AsyncIterator[EmbeddedServers]:
    """Servers that may be killed."""
    home = Home(path)
    with home.hold("pytest"):
        servers = EmbeddedServers(home, check_interval_s=0.1)
        await servers.start(**which)
        yield servers
        await servers.stop()


@asynccontextmanager
async def at_work(database_url: str, redis_url: str, home: Path) -> AsyncIterator[Database]:
    """A worker in this process, stopped in order."""
    database = Database()
    await database.connect(database_url)
    async with database.acquire() as connection:
        await migrate(connection)
        await connection.execute(ledger_kinds.EFFECTS)
    worker = Worker(Means(Config(home=home, jobs=SHORT), database, database_url, redis_url, ledger_kinds.CATALOGUE))
    task = asyncio.create_task(worker.run())
    try:
        yield database
    finally:
        await worker.stop()
        await task
        await database.close()


async def ask_through(database: Database, key: str) -> None:
    """Ask until it is acknowledged, with a key, as a client would."""
    while True:
        try:
            async with database.acquire() as connection:
                await enqueue(connection, STEPS, StepArgs(2, 0.02), key=key)
                return
        except DatabaseDown:
            await asyncio.sleep(0.05)


async def kill(servers: EmbeddedServers, name: str) -> None:
    """kill -9, once it is back from the time before."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            state = servers.states()[name]
            if state.condition == "running" and state.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(state.pid, signal.SIGKILL)
                    return
            await asyncio.sleep(0.05)


async def flush(url: str) -> None:
    client = redis.asyncio.Redis.from_url(url)
    await client.flushall()
    await client.aclose()


async def test_no_job_is_lost_with_redis(database_url: str, home_path: Path, tmp_path: Path) -> None:
    """kill -9 of Redis, twice, while jobs are asked for and done; it is emptied, too."""
    async with (
        own_servers(home_path, postgres=False) as servers,
        at_work(database_url, servers.redis_url, tmp_path) as database,
    ):
        for round_ in range(2):
            for index in range(20):
                await ask_through(database, f"{round_}/{index}")
                if index == 10:
                    await kill(servers, "redis")
                if index == 15 and round_:
                    with contextlib.suppress(redis.exceptions.ConnectionError):
                        await flush(servers.redis_url)
        await all_succeeded(database)


async def test_no_job_is_lost_with_postgres(redis_url: str, home_path: Path, tmp_path: Path) -> None:
    """kill -9 of Postgres, twice, while jobs are asked for and done: none of them is held responsible."""
    async with (
        own_servers(home_path, redis=False) as servers,
        at_work(servers.database_url, redis_url, tmp_path) as database,
    ):
        for round_ in range(2):
            for index in range(20):
                await ask_through(database, f"{round_}/{index}")
                if index == 10:
                    await kill(servers, "postgres")
        await all_succeeded(database)


async def all_succeeded(database: Database) -> None:
    """Forty jobs, each of whose effects happened once; whatever was begun again, no attempt counts for it."""
    await done(database)
    async with database.acquire() as connection:
        assert await connection.fetch(_WRONG) == []
        effects = dict(await connection.fetch(_EFFECTS))
        assert await connection.fetchval("SELECT array_agg(DISTINCT attempt - handovers) FROM jobs") == [1]
    assert len(effects) == 40
    assert all(steps == [0, 1] for steps in effects.values())


@pytest.mark.parametrize("away_s", [0.3, pytest.param(60.0, marks=pytest.mark.long)])
async def test_jobs_go_on_without_redis_and_it_is_heard_again(
    database_url: str, home_path: Path, tmp_path: Path, away_s: float
) -> None:
    """Redis is killed, away for a while and comes back empty: what is asked for meanwhile is done, and five seconds
    after it is back its bell is heard."""
    home = Home(home_path)
    with home.hold("pytest"):
        cache = Redis(home)
        before = await started(cache)
        after = None
        try:
            kept = list(home_path.rglob("appendonly*"))  # noqa: ASYNC240  # a few names
            assert kept, "the files from which Redis comes back as it was"
            async with at_work(database_url, cache.url, tmp_path) as database:
                await heard(cache.url, PATIENCE_S)
                await before.stop(((signal.SIGKILL, PATIENCE_S),))
                for path in kept:
                    path.unlink()
                pause = asyncio.create_task(asyncio.sleep(away_s))
                await ask_through(database, "meanwhile")
                await done(database)
                await pause
                after = await started(cache)
                await heard(cache.url, 5)
                await ask_through(database, "afterwards")
                await done(database)
        finally:
            for process in filter(None, (before, after)):
                await process.stop(cache.stop_steps)


async def started(cache: Redis) -> Child:
    """Redis, as soon as it answers."""
    await cache.prepare()
    process = cache.launch()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(CacheDown):
                await cache.ping()
                return process
            await asyncio.sleep(0.02)


async def heard(url: str, within_s: float) -> None:
    """Ring for both queues, and wait until somebody has taken the rings."""
    bell, client = Bell(url, lambda queue: None), redis.asyncio.Redis.from_url(url)
    for queue in QUEUES:
        await bell.ring(queue)
    async with asyncio.timeout(within_s):
        while await client.exists(*(f"ralph:bell:{queue}" for queue in QUEUES)):  # noqa: ASYNC110  # it is elsewhere
            await asyncio.sleep(0.01)
    await bell.close()
    await client.aclose()


async def done(database: Database) -> None:
    """Wait until no job is left, also through a database that is away."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(DatabaseDown):
                async with database.acquire() as connection:
                    if not await connection.fetchval(_OPEN):
                        return
            await asyncio.sleep(0.05)
