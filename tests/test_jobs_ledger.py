"""The ledger: what is asked for in a transaction, once a key, in order of priority; leases that fence; sweeping."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
import pytest
from ledger_kinds import NOTHING, STEPS, StepArgs, WordArgs

from ralph.config import JobsConfig
from ralph.errors import BadParameter, LeaseLost, NotFound, TooLarge
from ralph.jobs.attempt import Outcome, Pace, judge
from ralph.jobs.kind import enqueue, find_kind
from ralph.jobs.kinds import KINDS
from ralph.store.leases import Claim, Lease, Settlement, claim, effect, keep, settle, sweep
from ralph.store.ledger import (
    CHANNEL,
    JobError,
    JobFilter,
    JobId,
    Progress,
    backlog,
    cancel_job,
    find_job,
    list_jobs,
    retry_job,
)

pytestmark = pytest.mark.anyio

WANTED = Claim("fast", ("nothing",), "tests", 30, 10)
LATE = Claim("fast", ("nothing",), "tests", 0, 10)
OTHER = "another worker"
_QUEUE = """
    INSERT INTO jobs (kind, args, queue, owner, priority)
         SELECT 'nothing', '{}', 'fast', 'tests', 0 FROM generate_series(1, $1)
"""
AWAY = JobError("DATABASE_DOWN", "away")


async def test_a_job_comes_and_goes_with_its_transaction(connection: asyncpg.Connection, database_url: str) -> None:
    """Rolled back it never was; committed, whoever listens is told."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    other = await asyncpg.connect(database_url)
    await other.add_listener(CHANNEL, lambda *notice: heard.put_nowait(notice[-1]))
    transaction = connection.transaction()
    await transaction.start()
    await enqueue(connection, NOTHING, WordArgs())
    await transaction.rollback()
    assert await list_jobs(connection) == []
    job_id = await enqueue(connection, NOTHING, WordArgs("한"), priority=3)
    async with asyncio.timeout(10):
        assert await heard.get() == "fast"
    (job,) = await list_jobs(connection, JobFilter("queued", "nothing", "fast"))
    assert (job.id, job.args, job.priority, job.attempts) == (job_id, {"word": "한"}, 3, 0)
    assert heard.empty()
    await other.close()


async def test_a_key_is_one_job(connection: asyncpg.Connection) -> None:
    first = await enqueue(connection, NOTHING, WordArgs("a"), key="k")
    assert await enqueue(connection, NOTHING, WordArgs("a"), key="k") == first
    assert await enqueue(connection, NOTHING, WordArgs("b"), key="k", owner="another") != first
    with pytest.raises(BadParameter, match="was used for job"):
        await enqueue(connection, NOTHING, WordArgs("b"), key="k")
    for key in ("", "x" * 201, "a\nb"):
        with pytest.raises(BadParameter, match="idempotency key"):
            await enqueue(connection, NOTHING, WordArgs(), key=key)
    with pytest.raises(TooLarge):
        await enqueue(connection, NOTHING, WordArgs("x" * 300_000))
    with pytest.raises(BadParameter, match="NUL"):
        await enqueue(connection, NOTHING, WordArgs("\0"))


async def test_jobs_are_taken_once_and_the_important_first(connection: asyncpg.Connection) -> None:
    ids = [await enqueue(connection, NOTHING, WordArgs(), priority=priority) for priority in (0, 5, 1)]
    one = Claim("fast", ("nothing",), "tests", 30, 1)
    taken = [(await claim(connection, one))[0].id for _ in ids]
    assert taken == [ids[1], ids[2], ids[0]]
    assert await claim(connection, one) == []
    found = await backlog(connection)
    assert (found.queued, found.running, found.oldest_s) == (0, 3, 0)


async def test_an_older_attempt_can_do_nothing(connection: asyncpg.Connection) -> None:
    """Once its lease ran out and another attempt began: not keep, not settle, no effect, no checkpoint."""
    job_id = await enqueue(connection, NOTHING, WordArgs())
    (old,) = await claim(connection, LATE)
    assert await sweep(connection, 5, OTHER) == [(job_id, "nothing", "queued")]
    (new,) = await claim(connection, WANTED)
    assert (new.attempt, new.is_suspect) == (2, True)
    assert await keep(connection, [(old, None)], 30) == {}
    assert await settle(connection, [Settlement(job_id, old.attempt, "succeeded")]) == []
    with pytest.raises(LeaseLost):
        async with effect(connection, job_id, old.attempt, 1):
            raise AssertionError("never reached")
    async with effect(connection, job_id, new.attempt, {"reached": 1}):
        pass
    over = Settlement(job_id, new.attempt, "queued", is_handover=True)
    assert await settle(connection, [over]) == [over]
    (last,) = await claim(connection, WANTED)
    assert (last.checkpoint, last.attempt) == ({"reached": 1}, 3)


async def test_a_lost_job_is_dead_in_the_end_and_can_be_tried_again(connection: asyncpg.Connection) -> None:
    job_id = await enqueue(connection, NOTHING, WordArgs())
    for attempt in range(1, 4):
        await claim(connection, LATE)
        assert await sweep(connection, 3, OTHER) == [(job_id, "nothing", "dead" if attempt == 3 else "queued")]
    job = await find_job(connection, job_id)
    assert job.error is not None
    assert (job.error.code, job.attempts) == ("WORKER_LOST", 3)
    with pytest.raises(BadParameter, match="nothing to cancel"):
        await cancel_job(connection, job_id)
    again = await retry_job(connection, job_id)
    assert (again.state, again.attempts, again.error) == ("queued", 0, None)
    assert (await cancel_job(connection, job_id)).state == "cancelled"
    with pytest.raises(NotFound):
        await find_job(connection, "12345678901234567890")


async def test_an_attempt_taken_from_a_worker_that_lives_does_not_count(connection: asyncpg.Connection) -> None:
    """However it tells of it, and however often; a job that was given up for it is queued again."""
    job_id = await enqueue(connection, NOTHING, WordArgs())
    for attempt in range(1, 8):
        (lease,) = await claim(connection, LATE)
        assert (lease.attempt, lease.attempts) == (attempt, 1)
        state = "dead" if attempt % 2 else "queued"
        assert await sweep(connection, 1 if attempt % 2 else 5, OTHER) == [(job_id, "nothing", state)]
        for _ in range(2):
            assert await settle(connection, [Settlement(job_id, attempt, "failed")]) == []
        job = await find_job(connection, job_id)
        assert (job.state, job.attempts, job.finished_at) == ("queued", 0, None)
    await claim(connection, LATE)
    await sweep(connection, 1, OTHER)
    await retry_job(connection, job_id)
    await settle(connection, [Settlement(job_id, 8, "failed")])
    assert (await find_job(connection, job_id)).attempts == 0


async def test_what_a_worker_never_learned_of_is_no_attempt(connection: asyncpg.Connection) -> None:
    """The database went away in the midst of its claim; nothing is held against the job."""
    job_id = await enqueue(connection, NOTHING, WordArgs())
    for attempt in range(1, 4):
        (lease,) = await claim(connection, LATE)
        assert (lease.attempt, lease.attempts, lease.is_suspect) == (attempt, 1, False)
        assert await sweep(connection, 1, LATE.worker) == [(job_id, "nothing", "queued")]


async def test_it_is_known_since_when_servers_are_away(connection: asyncpg.Connection) -> None:
    """From the first attempt that ended so to the first that did not; what is handed over between says nothing."""
    job_id = await enqueue(connection, NOTHING, WordArgs())
    known = []
    for is_away, is_handover in ((True, True), (True, True), (False, True), (False, False), (True, False)):
        (lease,) = await claim(connection, WANTED)
        known.append(lease.away_s > 0)
        over = Settlement(job_id, lease.attempt, "queued", error=AWAY, is_handover=is_handover, is_away=is_away)
        assert await settle(connection, [over]) == [over]
    assert known == [False, True, True, True, False]
    (lease,) = await claim(connection, WANTED)
    assert (lease.attempts, lease.away_s > 0) == (3, True)


@pytest.mark.parametrize("attempts", [1, 5, 40])
@pytest.mark.parametrize("away_s", [0.0, 3_599.0, 3_600.0])
def test_only_what_a_job_did_counts_against_it(attempts: int, away_s: float) -> None:
    """Errors do, five times; a server that is away does after an hour without anything else."""
    lease = Lease(
        JobId("1"), attempts, attempts, "nothing", b"{}", "owner", None, None, is_suspect=False, away_s=away_s
    )

    def end(outcome: Outcome) -> Settlement:
        return judge(lease, NOTHING, outcome, JobsConfig())

    assert end(Outcome("1")).state == "succeeded"
    assert end(Outcome(error=AWAY, is_final=True)).state == "failed"
    failed = end(Outcome(error=AWAY))
    assert (failed.state, failed.is_handover, failed.is_away) == ("dead" if attempts >= 5 else "queued", False, False)
    away = end(Outcome(error=AWAY, is_away=True))
    is_excused = away_s < 3_600
    assert away.is_handover == is_excused
    assert away.is_away == (away.state == "queued")
    assert away.state == ("queued" if is_excused or attempts < 5 else "dead")
    assert 0 <= away.wait_s <= 30


async def test_a_long_queue_hides_nothing(connection: asyncpg.Connection) -> None:
    """Behind ten thousand others: what is urgent is taken first, of one kind none stands in the way of another's, and
    all are counted, found in pages, and cancelled."""
    await connection.execute(_QUEUE, 10_000)
    other = await enqueue(connection, STEPS, StepArgs())
    urgent = await enqueue(connection, NOTHING, WordArgs("urgent"), priority=1)
    assert (await backlog(connection)).queued == 10_002
    assert [lease.id for lease in await claim(connection, msgspec.structs.replace(WANTED, kinds=("steps",)))] == [other]
    taken = await claim(connection, WANTED)
    assert taken[0].id == urgent
    assert len(taken) == WANTED.limit
    page = await list_jobs(connection, JobFilter("queued", "nothing"), limit=500)
    assert len(page) == 500
    last = await list_jobs(connection, JobFilter("queued"), before=page[-1].id, limit=1)
    assert int(last[0].id) == int(page[-1].id) - 1
    assert (await cancel_job(connection, last[0].id)).state == "cancelled"
    assert (await backlog(connection)).queued == 10_000 - WANTED.limit


async def test_pages_go_back(connection: asyncpg.Connection) -> None:
    """From the newest on, in the order of numbers: 10 is newer than 9."""
    ids = [await enqueue(connection, NOTHING, WordArgs()) for _ in range(12)]
    page = await list_jobs(connection, limit=3)
    assert [job.id for job in page] == ids[:-4:-1]
    assert [job.id for job in await list_jobs(connection, before=page[-1].id)] == ids[-4::-1]
    with pytest.raises(BadParameter, match="cursor"):
        await list_jobs(connection, before="x")


def test_every_kind_says_what_it_takes() -> None:
    """Names, titles in both languages, and arguments that can be read; unknown ones are refused by name."""
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.en
        assert kind.ko
        with pytest.raises(BadParameter) as refused:
            kind.parse(b'{"nonsense": 1}')
        assert refused.value.field == "args"
    with pytest.raises(BadParameter, match="no kind"):
        find_kind(KINDS, "nonsense")


def test_a_pace_gives_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    pace = Pace()
    pace("read", 0, 10)
    assert pace.latest == Progress("read", 0, 10)
    clock[0] += 2
    pace("read", 4, 10)
    assert pace.latest == Progress("read", 4, 10, 2.0, 3.0)
    pace("store", 0, 0)
    assert pace.latest == Progress("store", 0, 0)
