"""Workers, Redis and Postgres are killed in the midst of jobs: each effect happens once, and every job ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import ledger_kinds
import pytest
import redis.asyncio
from ledger_kinds import ACT, STEPS, STEPS_APART, StepArgs, WordArgs
from ledger_worker import SHORT

from ralph.config import Config
from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import DatabaseDown
from ralph.jobs.kind import enqueue
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database
from ralph.store.migrate import migrate

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parent
STEPS_EACH = 6
_EFFECTS = "SELECT job_id, array_agg(step ORDER BY step) AS steps FROM effects GROUP BY job_id"
_STATES = "SELECT state, count(*) FROM jobs GROUP BY state"
_WRONG = "SELECT kind, error ->> 'message' AS why, count(*) FROM jobs WHERE state <> 'succeeded' GROUP BY 1, 2"
_OPEN = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"


@contextmanager
def worker_process(home: Path, database_url: str, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "ledger_worker.py"), str(home), database_url, redis_url],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


async def drain(connection: asyncpg.Connection, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while await connection.fetchval(_OPEN):  # noqa: ASYNC110  # the ledger is elsewhere
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.long)])
async def test_a_worker_killed_at_any_moment_costs_nothing(
    database_url: str, redis_url: str, tmp_path: Path, kills: int
) -> None:
    """kill -9 at random points of jobs here and in children: every job ends, every effect happens once."""
    chance = random.Random(kills)
    connection = await asyncpg.connect(database_url)
    await connection.execute(ledger_kinds.EFFECTS)
    for _ in range(kills):
        for kind in (STEPS, STEPS, STEPS_APART):
            await enqueue(connection, kind, StepArgs(STEPS_EACH, 0.05))
        with worker_process(tmp_path, database_url, redis_url) as process:
            async with asyncio.timeout(30):
                while not await connection.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'"):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.sleep(chance.uniform(0, 0.5))
            process.kill()
            process.wait()
        # Kills by nature come to more than five attempts of one job; that limit has a test of its own.
        await connection.execute("UPDATE jobs SET handovers = attempt WHERE state IN ('queued', 'running')")
    with worker_process(tmp_path, database_url, redis_url):
        await drain(connection, 30 + 3 * kills)  # each of a third of them begins a process
    assert await connection.fetch(_WRONG) == []
    assert dict(await connection.fetch(_STATES)) == {"succeeded": 3 * kills}
    effects = dict(await connection.fetch(_EFFECTS))
    assert len(effects) == 3 * kills
    assert all(steps == list(range(STEPS_EACH)) for steps in effects.values())
    await connection.close()


async def test_a_job_that_kills_its_worker_is_dead_after_five(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """It takes one worker with it; from then on it is tried in a process of its own, and the others end well."""
    connection = await asyncpg.connect(database_url)
    try:
        poison = await enqueue(connection, ACT, WordArgs("die"), priority=1)
        good = [await enqueue(connection, ACT, WordArgs()) for _ in range(3)]
        with worker_process(tmp_path, database_url, redis_url) as first:
            await asyncio.to_thread(first.wait, 30)
        assert first.returncode == -signal.SIGKILL
        with worker_process(tmp_path, database_url, redis_url) as second:
            await drain(connection)
            assert second.poll() is None
        rows = await connection.fetch("SELECT id::text, state, attempt FROM jobs ORDER BY id")
        assert tuple(rows[0]) == (poison, "dead", 5)
        assert [(row["id"], row["state"]) for row in rows[1:]] == [(job_id, "succeeded") for job_id in good]
    finally:
        await connection.close()


@pytest.fixture
async def own_servers(home_path: Path) -> AsyncIterator[EmbeddedServers]:
    """Servers that may be killed."""
    home = Home(home_path)
    with home.hold("pytest"):
        servers = EmbeddedServers(home, check_interval_s=0.1)
        await servers.start()
        yield servers
        await servers.stop()


@asynccontextmanager
async def at_work(servers: EmbeddedServers, home: Path) -> AsyncIterator[tuple[Database, Worker]]:
    """A worker in this process on servers of its own, stopped in order."""
    database = Database()
    await database.connect(servers.database_url)
    async with database.acquire() as connection:
        await migrate(connection)
        await connection.execute(ledger_kinds.EFFECTS)
    config = Config(home=home, jobs=SHORT)
    worker = Worker(Means(config, database, servers.database_url, servers.redis_url, ledger_kinds.CATALOGUE))
    task = asyncio.create_task(worker.run())
    try:
        yield database, worker
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
    async with asyncio.timeout(30):
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


@pytest.mark.parametrize("victim", ["redis", "postgres"])
async def test_no_job_is_lost_with_a_server(own_servers: EmbeddedServers, tmp_path: Path, victim: str) -> None:
    """kill -9 of Redis or Postgres, twice, while jobs are asked for and done; Redis is emptied, too."""
    async with at_work(own_servers, tmp_path) as (database, _):
        for round_ in range(2):
            for index in range(20):
                await ask_through(database, f"{round_}/{index}")
                if index == 10:
                    await kill(own_servers, victim)
                if index == 15 and victim == "redis" and round_:
                    with contextlib.suppress(redis.exceptions.ConnectionError):
                        await flush(own_servers.redis_url)
        await done(database)
        async with database.acquire() as connection:
            assert dict(await connection.fetch(_STATES)) == {"succeeded": 40}
            effects = dict(await connection.fetch(_EFFECTS))
        assert len(effects) == 40
        assert all(steps == [0, 1] for steps in effects.values())


async def hears(worker: Worker, is_heard: bool, within_s: float) -> None:
    """Wait until the bells of both queues are heard, or neither is."""
    async with asyncio.timeout(within_s):
        while set(worker._bell._heard.values()) != {is_heard}:  # noqa: ASYNC110  # Redis is elsewhere
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("away_s", [0.3, pytest.param(60.0, marks=pytest.mark.long)])
async def test_jobs_go_on_without_redis_and_it_is_heard_again(home_path: Path, tmp_path: Path, away_s: float) -> None:
    """Redis is killed, away for a while and comes back empty: what is asked for meanwhile is done, and five seconds
    after it is back its bell is heard."""
    home = Home(home_path)
    with home.hold("pytest"):
        servers = EmbeddedServers(home, check_interval_s=away_s)
        await servers.start()
        try:
            kept = what_redis_keeps(home_path)
            async with at_work(servers, tmp_path) as (database, worker):
                await hears(worker, True, 30)
                await kill(servers, "redis")
                for path in kept:
                    path.unlink()
                await hears(worker, False, 30)
                await ask_through(database, "meanwhile")
                await done(database)
                async with asyncio.timeout(away_s * 2 + 30):
                    while not await answers(servers.redis_url):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                await hears(worker, True, 5)
                await ask_through(database, "afterwards")
                await done(database)
        finally:
            await servers.stop()


def what_redis_keeps(home: Path) -> list[Path]:
    """The files from which Redis comes back as it was."""
    kept = list(home.rglob("appendonly*"))
    assert kept
    return kept


async def answers(url: str) -> bool:
    """Whether Redis is back."""
    client = redis.asyncio.Redis.from_url(url)
    try:
        return bool(await client.ping())
    except redis.exceptions.ConnectionError:
        return False
    finally:
        await client.aclose()


async def done(database: Database, within_s: float = 30) -> None:
    """Wait until no job is left, also through a database that is away."""
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(DatabaseDown):
                async with database.acquire() as connection:
                    if not await connection.fetchval(_OPEN):
                        return
            await asyncio.sleep(0.1)
