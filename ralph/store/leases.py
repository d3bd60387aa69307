"""How jobs of the ledger are worked on: taken for a while, kept, given back, settled; fenced by the attempt's number.

All times are the database's, so clocks of workers may differ. A worker that was away for longer than its lease finds
that its attempt is over: nothing it does then changes the ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from ralph.errors import LeaseLost
from ralph.store.ledger import JobError, JobId, JobState, Progress, QueueName

LOST = JobError("WORKER_LOST", "the worker ended in the midst of it, or was not heard of for too long")


class Lease(msgspec.Struct, frozen=True):
    """A job that a worker holds. attempts: how often it was started, this time included; args is JSON.
    is_suspect: the attempt before ended with the process it ran in, and this one may, too."""

    id: JobId
    attempt: int
    attempts: int
    kind: str
    args: bytes
    owner: str
    trace_id: str | None
    checkpoint: Any
    is_suspect: bool
    traceparent: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """What a worker asks for: jobs of these kinds, at most so many, for so long at first."""

    queue: QueueName
    kinds: Sequence[str]
    worker: str
    lease_s: float
    limit: int


class Settlement(msgspec.Struct, frozen=True):
    """How an attempt ended. state `queued` is another try, after wait_s; is_handover: an attempt that does not count.
    result is JSON."""

    id: JobId
    attempt: int
    state: JobState
    result: str | None = None
    error: JobError | None = None
    wait_s: float = 0.0
    is_handover: bool = False


_CLAIM = """
    WITH next AS (
        SELECT id
          FROM jobs
         WHERE queue = $1 AND state = 'queued' AND run_after <= now() AND kind = ANY ($2)
      ORDER BY priority DESC, id
         LIMIT $5
           FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs
       SET state = 'running', attempt = attempt + 1, worker = $3, lease_until = now() + $4 * interval '1 second',
           started_at = now(), progress = NULL
      FROM next
     WHERE jobs.id = next.id
 RETURNING jobs.id::text, attempt, attempt - handovers AS attempts, kind, args, owner, trace_id, checkpoint,
           coalesce(error ->> 'code' IN ('WORKER_LOST', 'CHILD_ENDED'), false) AS is_suspect, traceparent
"""

_KEEP = """
    UPDATE jobs
       SET lease_until = now() + $4 * interval '1 second', progress = coalesce(held.progress::jsonb, jobs.progress)
      FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS held (id, attempt, progress)
     WHERE jobs.id = held.id AND jobs.attempt = held.attempt AND jobs.state = 'running'
 RETURNING jobs.id::text, cancel_requested
"""

_SETTLE = """
    UPDATE jobs
       SET state = CASE WHEN told.state = 'queued' AND cancel_requested THEN 'cancelled' ELSE told.state END,
           result = told.result::jsonb, error = told.error::jsonb, lease_until = NULL,
           handovers = handovers + told.handover, run_after = now() + told.wait_s * interval '1 second',
           finished_at = CASE WHEN told.state = 'queued' AND NOT cancel_requested THEN NULL ELSE now() END
      FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::integer[])
           AS told (id, attempt, state, result, error, wait_s, handover)
     WHERE jobs.id = told.id AND jobs.attempt = told.attempt AND jobs.state = 'running'
 RETURNING jobs.id::text
"""

_SWEEP = """
    UPDATE jobs
       SET state = CASE WHEN cancel_requested THEN 'cancelled'
                        WHEN attempt - handovers >= $1 THEN 'dead' ELSE 'queued' END,
           finished_at = CASE WHEN cancel_requested OR attempt - handovers >= $1 THEN now() END,
           error = $2::jsonb, lease_until = NULL, run_after = now()
     WHERE state = 'running' AND lease_until < now()
 RETURNING id::text, kind, state
"""

_CANCELLED = "SELECT id::text FROM jobs WHERE id = ANY ($1::bigint[]) AND state = 'running' AND cancel_requested"

_HOLDS = "SELECT FROM jobs WHERE id = $1 AND attempt = $2 AND state = 'running' FOR UPDATE"

_CHECKPOINT = "UPDATE jobs SET checkpoint = $3::jsonb WHERE id = $1 AND attempt = $2"


async def claim(connection: asyncpg.Connection, wanted: Claim) -> list[Lease]:
    """Take the first jobs of a queue that nobody holds."""
    rows = await connection.fetch(_CLAIM, wanted.queue, list(wanted.kinds), wanted.worker, wanted.lease_s, wanted.limit)
    return [_lease(row) for row in rows]


async def keep(
    connection: asyncpg.Connection, held: Sequence[tuple[Lease, Progress | None]], lease_s: float
) -> dict[JobId, bool]:
    """Lengthen leases and record progress where there is some. Those still held, and whether each is to be cancelled;
    a job that is not among them was lost."""
    rows = await connection.fetch(
        _KEEP,
        [int(lease.id) for lease, _ in held],
        [lease.attempt for lease, _ in held],
        [None if progress is None else msgspec.json.encode(progress).decode() for _, progress in held],
        lease_s,
    )
    return {JobId(row["id"]): row["cancel_requested"] for row in rows}


async def settle(connection: asyncpg.Connection, told: Sequence[Settlement]) -> set[JobId]:
    """Record how attempts ended; those that were still held. Saying it twice changes nothing."""
    rows = await connection.fetch(
        _SETTLE,
        [int(each.id) for each in told],
        [each.attempt for each in told],
        [each.state for each in told],
        [each.result for each in told],
        [None if each.error is None else msgspec.json.encode(each.error).decode() for each in told],
        [each.wait_s for each in told],
        [int(each.is_handover) for each in told],
    )
    return {JobId(row["id"]) for row in rows}


async def sweep(connection: asyncpg.Connection, attempts_max: int) -> list[tuple[JobId, str, JobState]]:
    """Take back jobs whose lease ran out: queued, or dead after so many attempts; each with kind and state."""
    rows = await connection.fetch(_SWEEP, attempts_max, msgspec.json.encode(LOST).decode())
    return [(JobId(row["id"]), row["kind"], row["state"]) for row in rows]


async def to_cancel(connection: asyncpg.Connection, held: Sequence[JobId]) -> set[JobId]:
    """Those of the jobs whose end was asked for."""
    return {JobId(row["id"]) for row in await connection.fetch(_CANCELLED, [int(each) for each in held])}


@asynccontextmanager
async def effect(
    connection: asyncpg.Connection, job_id: JobId, attempt: int, checkpoint: object
) -> AsyncIterator[None]:
    """A transaction that happens only while the attempt holds the job, together with what it reached: `checkpoint` (as
    JSON) is what the next attempt begins with. LeaseLost where another attempt has the job, or may have it."""
    async with connection.transaction():
        if await connection.fetchrow(_HOLDS, int(job_id), attempt) is None:
            raise LeaseLost(f"job {job_id} is no longer held by attempt {attempt}; nothing was stored")
        yield
        await connection.execute(_CHECKPOINT, int(job_id), attempt, msgspec.json.encode(checkpoint).decode())


def _lease(row: asyncpg.Record) -> Lease:
    values = dict(row)
    values["args"] = values["args"].encode()
    values["checkpoint"] = None if values["checkpoint"] is None else msgspec.json.decode(values["checkpoint"])
    return Lease(**values)
