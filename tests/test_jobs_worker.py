"""Jobs at work: done once, tried again, cancelled, handed over, and settled through every failure."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import ledger_kinds
import msgspec
import pytest
from ledger_kinds import ACT, ALONE, APART, BRIEF, NOTHING, STEPS, STEPS_APART, StepArgs, WordArgs

from ralph.config import Config, JobsConfig
from ralph.jobs.kind import JobKind, enqueue
from ralph.jobs.news import JobNews
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database
from ralph.store.ledger import ENDED, Job, JobId, cancel_job, find_job

pytestmark = pytest.mark.anyio

SHORT = JobsConfig(lease_s=0.6, heartbeat_s=0.2, sweep_s=0.1, grace_s=0.3)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database()
    await opened.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def means(database: Database, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: Any) -> Means:
    """A worker's means; children find the tests' kinds through PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    config = Config(home=tmp_path, jobs=SHORT)
    return Means(config, database, database_url, redis_url, ledger_kinds.CATALOGUE)


@asynccontextmanager
async def working(means: Means) -> AsyncIterator[Worker]:
    """A worker at work, stopped in order at the end."""
    worker = Worker(means)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop()
        await task


async def ask(database: Database, kind: JobKind[Any], args: msgspec.Struct, **options: Any) -> JobId:
    async with database.acquire() as connection:
        return await enqueue(connection, kind, args, **options)


async def look(database: Database, job_id: JobId) -> Job:
    async with database.acquire() as connection:
        return await find_job(connection, job_id)


async def until(database: Database, job_id: JobId, holds: Callable[[Job], bool], within_s: float = 30) -> Job:
    async with asyncio.timeout(within_s):
        while not holds(job := await look(database, job_id)):  # noqa: ASYNC110  # the ledger is elsewhere
            await asyncio.sleep(0.02)
    return job


async def ended(database: Database, job_id: JobId) -> Job:
    return await until(database, job_id, lambda job: job.state in ENDED)


async def test_jobs_are_done_and_say_what_they_found(means: Means) -> None:
    """Also jobs asked for before the worker began."""
    early = await ask(means.database, NOTHING, WordArgs("early"))
    async with working(means):
        late = await ask(means.database, NOTHING, WordArgs("late"))
        for job_id, word in ((early, "early"), (late, "late")):
            job = await ended(means.database, job_id)
            assert (job.state, job.result, job.attempts, job.error) == ("succeeded", word, 1, None)
            assert job.started_at is not None
            assert job.finished_at is not None


async def test_a_refusal_is_final_and_a_failure_is_tried_again(means: Means) -> None:
    async with working(means):
        refused = await ask(means.database, ACT, WordArgs("refuse"))
        once = await ask(means.database, ACT, WordArgs("fail once"))
        always = await ask(means.database, ACT, WordArgs("fail"))
        slow = await ask(means.database, BRIEF, WordArgs("hang"))
        job = await ended(means.database, refused)
        assert (job.state, job.attempts) == ("failed", 1)
        assert job.error is not None
        assert (job.error.code, job.error.field) == ("BAD_PARAMETER", "word")
        job = await ended(means.database, once)
        assert (job.state, job.attempts, job.result) == ("succeeded", 2, os.getpid())
        job = await ended(means.database, always)
        assert (job.state, job.attempts) == ("dead", 5)
        assert job.error is not None
        assert "not today" in job.error.message
        job = await ended(means.database, slow)
        assert job.error is not None
        assert (job.state, job.error.code) == ("dead", "TIMEOUT")


async def test_heavy_jobs_run_in_a_process_of_their_own(means: Means) -> None:
    """A child that dies is noticed at once; five of them are enough, and nobody else suffers."""
    async with working(means):
        poison = await ask(means.database, APART, WordArgs("die"))
        good = await ask(means.database, APART, WordArgs())
        job = await ended(means.database, good)
        assert job.state == "succeeded"
        assert job.result != os.getpid()
        job = await ended(means.database, poison)
        assert (job.state, job.attempts) == ("dead", 5)
        assert job.error is not None
        assert job.error.code == "CHILD_ENDED"
        assert "signal 9" in job.error.message


@pytest.mark.parametrize("kind", [ACT, APART], ids=["here", "apart"])
async def test_a_running_job_is_cancelled(means: Means, kind: JobKind[Any]) -> None:
    async with working(means):
        job_id = await ask(means.database, kind, WordArgs("hang"))
        await until(means.database, job_id, lambda job: job.state == "running")
        async with means.database.acquire() as connection:
            assert (await cancel_job(connection, job_id)).cancel_requested
        assert (await ended(means.database, job_id)).state == "cancelled"


async def test_progress_and_effects_are_written(means: Means) -> None:
    async with means.database.acquire() as connection:
        await connection.execute(ledger_kinds.EFFECTS)
    async with working(means):
        job_id = await ask(means.database, STEPS_APART, StepArgs(8, 0.25))
        job = await until(
            means.database, job_id, lambda job: job.progress is not None and job.progress.rate is not None
        )
        assert job.progress is not None
        assert (job.progress.phase, job.progress.total) == ("step", 8)
        assert (await ended(means.database, job_id)).result == 8
    async with means.database.acquire() as connection:
        assert await connection.fetchval("SELECT array_agg(step ORDER BY step) FROM effects") == list(range(8))


async def test_a_kind_is_no_more_at_once_than_it_may_be(means: Means) -> None:
    """Others of its queue are not held up by those of it that wait."""
    waiting = [await ask(means.database, ALONE, WordArgs()) for _ in range(4)]
    beside = await ask(means.database, NOTHING, WordArgs())
    async with working(means):
        assert (await ended(means.database, beside)).state == "succeeded"
        assert [(await ended(means.database, job_id)).result for job_id in waiting] == [1] * 4


async def test_a_worker_that_stops_hands_over(means: Means) -> None:
    """Within its grace; the other goes on behind the checkpoint, and the attempt does not count."""
    async with means.database.acquire() as connection:
        await connection.execute(ledger_kinds.EFFECTS)
    first = Worker(means)
    task = asyncio.create_task(first.run())
    job_id = await ask(means.database, STEPS, StepArgs(10, 0.1))
    await until(means.database, job_id, lambda job: job.state == "running")
    await asyncio.sleep(0.3)
    await first.stop()
    await task
    job = await look(means.database, job_id)
    assert (job.state, job.attempts) == ("queued", 0)
    async with working(means):
        job = await ended(means.database, job_id)
    assert (job.state, job.attempts) == ("succeeded", 1)
    async with means.database.acquire() as connection:
        assert await connection.fetchval("SELECT array_agg(step ORDER BY step) FROM effects") == list(range(10))


async def test_a_worker_that_was_away_too_long_can_no_longer_write(means: Means) -> None:
    """Its lease runs out while it says nothing; another attempt does the rest, each effect once. As it turns out to
    live, the attempt that was taken from it does not count."""
    async with means.database.acquire() as connection:
        await connection.execute(ledger_kinds.EFFECTS)
    job_id = await ask(means.database, STEPS, StepArgs(10, 0.05))
    silent = replace(means, config=msgspec.structs.replace(means.config, jobs=JobsConfig(sweep_s=60)))
    stuck = Worker(silent)  # its first heartbeat comes after our lease
    stuck._jobs = msgspec.structs.replace(SHORT, heartbeat_s=60.0, lease_s=0.1, sweep_s=60.0)
    task = asyncio.create_task(stuck.run())
    await until(means.database, job_id, lambda job: job.state == "running")
    async with working(means):
        job = await ended(means.database, job_id)
    stuck.stop_picking()
    await task
    assert job.state == "succeeded"
    assert (await look(means.database, job_id)).attempts == 1
    async with means.database.acquire() as connection:
        assert await connection.fetchval("SELECT attempt FROM jobs") == 2
        assert await connection.fetchval("SELECT array_agg(step ORDER BY step) FROM effects") == list(range(10))


async def test_a_worker_that_stood_still_has_lost_nothing(means: Means) -> None:
    """For longer than its leases; when it goes on it keeps them first, and sweeps then."""
    async with means.database.acquire() as connection:
        await connection.execute(ledger_kinds.EFFECTS)
    async with working(means):
        blocking = [await ask(means.database, ACT, WordArgs("block")) for _ in range(2)]
        beside = await ask(means.database, STEPS, StepArgs(1, 0.3))
        for job_id in (*blocking, beside):
            job = await ended(means.database, job_id)
            assert (job.state, job.attempts, job.error) == ("succeeded", 1, None)
    async with means.database.acquire() as connection:
        assert await connection.fetchval("SELECT max(attempt) FROM jobs") == 1


async def test_a_job_does_not_die_of_an_outage(means: Means) -> None:
    """Attempts that end because the database is away do not count, unless nothing else happens for too long."""
    async with working(means):
        job_id = await ask(means.database, ACT, WordArgs("away for long"))
        job = await ended(means.database, job_id)
        assert (job.state, job.attempts) == ("succeeded", 1)
    async with means.database.acquire() as connection:
        assert await connection.fetchval("SELECT attempt FROM jobs") == 9
    impatient = msgspec.structs.replace(means.config, jobs=msgspec.structs.replace(SHORT, outage_s=0.0))
    async with working(replace(means, config=impatient)):
        job = await ended(means.database, await ask(means.database, ACT, WordArgs("away")))
        assert (job.state, job.attempts) == ("dead", 5)


async def test_followers_are_told_of_every_change_until_the_end(means: Means) -> None:
    """Two of one job and one of another; who comes late is told at once, and whoever has left no more."""
    news, told, left = JobNews(means.database), list[Job](), list[Job]()
    looking = asyncio.create_task(news.run())
    async with working(means):
        job_id = await ask(means.database, ACT, WordArgs("fail once"))
        with news.following(job_id, told.append):
            with news.following(job_id, left.append):
                pass
            async with asyncio.timeout(30):
                while not told or told[-1].state not in ENDED:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            late: list[Job] = []
            with news.following(job_id, late.append), news.following(JobId("no id"), left.append):
                assert late == told[-1:]
    assert told[-1].state == "succeeded"
    assert all(before != after for before, after in pairwise(told))
    assert left == []
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
