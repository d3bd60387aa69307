"""J1 and J2: how soon a job of the ledger is picked up, and how many go through it in a second. Beside them: what a
queue of 10,000 does to the API, and what an idle worker costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import psutil

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.http import serving, surroundings, wait_for
from benchmarks.market import embedded, random_bars
from benchmarks.stack import paced
from ralph.config import Config
from ralph.embedded.servers import EmbeddedServers
from ralph.jobs.kind import CataloguePath, JobContext, JobKind, Kinds, enqueue
from ralph.jobs.worker import Means, Worker
from ralph.market.rules import simulated_bars
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.migrate import migrate

PICK_UPS = 200
GAP_S = 0.06  # twice that at most between two jobs: the worker is idle when each is asked for
FLOOD = 1_000
AT_ONCE = 100  # jobs asked for in one transaction

QUEUED = 10_000
ROUNDS = 3  # of the API, with and without a queue
IDLE_S = 15.0

_LEFT = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
_QUEUE = """
    INSERT INTO jobs (kind, args, queue, owner, priority)
         SELECT 'warm_up', '{}', 'long', 'benchmark', 0 FROM generate_series(1, $1)
"""
_CANCEL = "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE state = 'queued'"


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
        await _beside_the_api(database, folder, servers)
        _idle(folder, servers)
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


async def _beside_the_api(database: Database, folder: Path, servers: EmbeddedServers) -> None:
    """No goal of its own, but at most 4x: p99 of the API at a steady rate while its server works on a queue of jobs, a
    process for each, against the same without any."""
    async with database.acquire() as connection:
        bars = await asyncio.to_thread(random_bars, 300, 260)
        await import_bars(connection, "main", simulated_bars(bars, "benchmark"))
    idle, busy = [], []
    with serving(folder, servers) as (client, ours):
        wait_for(client, "/health/ready")
        paced(ours)
        for _ in range(ROUNDS):
            idle.append(paced(ours))
            async with database.acquire() as connection:
                await connection.execute(_QUEUE, QUEUED)
            busy.append(paced(ours))
            async with database.acquire() as connection:
                await connection.execute(_CANCEL)
            await _drained(database)
    ratio = statistics.median(busy) / statistics.median(idle)
    shown = "  ".join(f"{b * 1e3:.2f} ({i * 1e3:.2f} idle)" for b, i in zip(busy, idle, strict=True))
    print(f"API beside {QUEUED:,} queued jobs: p99 {ratio:.2f}x; ms: {shown}", file=sys.stderr)


def _idle(folder: Path, servers: EmbeddedServers) -> None:
    """No goal of its own, but at most 2 %: the share of a core that a worker takes that has nothing to do."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ralph", "worker"],
        env={**os.environ, **surroundings(folder / "worker", servers)},
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b"works on jobs" not in process.stderr.readline():
            pass
        time.sleep(3)  # what a start leaves behind
        before = psutil.Process(process.pid).cpu_times()
        time.sleep(IDLE_S)
        after = psutil.Process(process.pid).cpu_times()
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()
    share = (after.user + after.system - before.user - before.system) / IDLE_S
    print(f"an idle worker takes {100 * share:.2f} % of a core", file=sys.stderr)
