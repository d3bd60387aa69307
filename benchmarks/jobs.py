"""J1 and J2: how soon a job of the ledger is picked up, and how many go through it in a second."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import AsyncIterator

import msgspec
import numpy as np

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.market import embedded
from ralph.config import Config
from ralph.jobs.kind import CataloguePath, JobContext, JobKind, Kinds, enqueue
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database
from ralph.store.migrate import migrate

PICK_UPS = 200
GAP_S = 0.06  # twice that at most between two jobs: the worker is idle when each is asked for
FLOOD = 1_000
AT_ONCE = 100  # jobs asked for in one transaction

_LEFT = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"


class Asked(msgspec.Struct, frozen=True):
    """When a job was asked for, in seconds of this process's clock."""

    at: float


async def _nothing(context: JobContext, args: Asked) -> float:
    return time.perf_counter() - args.at


NOTHING = JobKind("nothing", "Nothing", "없음", Asked, _nothing)
KINDS: Kinds = {NOTHING.name: NOTHING}


async def measure() -> list[Goal]:
    """One worker, in this process, on embedded servers with everything written to disk as it would be."""
    async with embedded() as (folder, servers):
        database = Database()
        await database.connect(servers.database_url)
        async with database.acquire() as connection:
            await migrate(connection)
        catalogue = CataloguePath("benchmarks.jobs:KINDS")
        means = Means(Config(home=folder), database, servers.database_url, servers.redis_url, catalogue)
        async with _working(means):
            waits = await _pick_ups(database)
            rates = [FLOOD / await _flood(database) for _ in range(REPETITIONS)]
        await database.close()
    return [
        Goal("J1", float(np.percentile(waits, 99)) * 1e3, 50, 15, "lower", "ms"),
        Goal("J2", statistics.median(rates), 400, 1_000, "higher", "jobs/s"),
    ]


@contextlib.asynccontextmanager
async def _working(means: Means) -> AsyncIterator[None]:
    worker = Worker(means)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.stop()
        await task


async def _pick_ups(database: Database) -> list[float]:
    """Seconds from the commit of a job to its first line, over jobs that come one by one."""
    for _ in range(PICK_UPS):
        async with database.acquire() as connection:
            await enqueue(connection, NOTHING, Asked(time.perf_counter()))
        await asyncio.sleep(random.uniform(0.5, 1.5) * GAP_S)
    await _drained(database)
    async with database.acquire() as connection:
        return [float(row[0]) for row in await connection.fetch("SELECT result::text FROM jobs")]


async def _flood(database: Database) -> float:
    """Seconds from the first question to the last answer of many jobs."""
    started = time.perf_counter()
    for _ in range(FLOOD // AT_ONCE):
        async with database.acquire() as connection, connection.transaction():
            for _ in range(AT_ONCE):
                await enqueue(connection, NOTHING, Asked(started))
    await _drained(database)
    return time.perf_counter() - started


async def _drained(database: Database) -> None:
    while True:
        async with database.acquire() as connection:
            if not await connection.fetchval(_LEFT):
                return
        await asyncio.sleep(0.02)
