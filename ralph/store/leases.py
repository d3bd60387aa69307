"""How jobs of the ledger are worked on: taken for a while, kept, given back, settled; fenced by the attempt's number.

All times are the database's, so clocks of workers may differ. A worker that was away for longer than its lease finds
that its attempt is over: nothing it does then changes the ledger, but that it lives, and the attempt does not count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from ralph.errors import LeaseLost
from ralph.store.ledger import JobError, JobId, JobState, Progress, QueueName

LOST = JobError("WORKER_LOST", "the worker ended in the midst of it, or was not heard of for too long")


class Lease(msgspec.Struct, frozen=True):
    """A job that a worker holds. attempts: how often it was started, this time included; args is JSON.
    is_suspect: the attempt before ended with the process it ran in, and this one may, too. away_s: for how long all its
    attempts have ended because a server was away; 0 where the last one did not."""

    id: JobId
    attempt: int
    attempts: int
    kind: str
    args: bytes
    owner: str
    trace_id: str | None
    checkpoint: Any
    is_suspect: bool
    away_s: float = 0.0
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
    is_away: it ended because a server was away. result is JSON."""

    id: JobId
    attempt: int
    state: JobState
    result: str | None = None
    error: JobError | None = None
    wait_s: float = 0.0
    is_handover: bool = False
    is_away: bool = False


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
           coalesce(error ->> 'code' IN ('WORKER_LOST', 'CHILD_ENDED'), false) AS is_suspect,
           coalesce(extract(epoch FROM now() - away_since), 0)::float8 AS away_s, traceparent
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
           finished_at = CASE WHEN told.state = 'queued' AND NOT cancel_requested THEN NULL ELSE now() END,
           away_since = CASE WHEN told.is_away THEN coalesce(away_since, now())
                             WHEN told.handover = 1 THEN away_since END
      FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::integer[],
                  $8::boolean[])
           AS told (id, attempt, state, result, error, wait_s, handover, is_away)
     WHERE jobs.id = told.id AND jobs.attempt = told.attempt AND jobs.state = 'running'
 RETURNING jobs.id::text, jobs.attempt
"""

_EXCUSE = """
    UPDATE jobs
       SET handovers = handovers + 1, lost_attempt = NULL,
           state = CASE WHEN state = 'dead' AND jobs.attempt = told.attempt THEN 'queued' ELSE state END,
           finished_at = CASE WHEN state = 'dead' AND jobs.attempt = told.attempt THEN NULL ELSE finished_at END
      FROM unnest($1::bigint[], $2::integer[]) AS told (id, attempt)
     WHERE jobs.id = told.id AND jobs.lost_attempt = told.attempt
"""

_SWEEP = """
    WITH late AS (
        SELECT id, worker = $3 AS is_ours, attempt - handovers >= $1 AND worker <> $3 AS is_last
          FROM jobs
         WHERE state = 'running' AND lease_until < now()
           AND NOT (worker = $3 AND ($4::bigint[] IS NULL OR id = ANY ($4)))
           FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs
       SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN is_last THEN 'dead' ELSE 'queued' END,
           finished_at = CASE WHEN cancel_requested OR is_last THEN now() END,
           error = CASE WHEN is_ours THEN error ELSE $2::jsonb END,
           handovers = handovers + is_ours::integer,
           lost_attempt = CASE WHEN is_ours THEN lost_attempt ELSE attempt END,
           lease_until = NULL, run_after = now()
      FROM late
     WHERE jobs.id = late.id
 RETURNING jobs.id::text, kind, state
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


async def settle(connection: asyncpg.Connection, told: Sequence[Settlement]) -> list[Settlement]:
    """Record how attempts ended; those that were still held. The others were taken back as lost, and do not count, as
    somebody lives who tells of them. Saying it twice changes nothing."""
    rows = await connection.fetch(
        _SETTLE,
        [int(each.id) for each in told],
        [each.attempt for each in told],
        [each.state for each in told],
        [each.result for each in told],
        [None if each.error is None else msgspec.json.encode(each.error).decode() for each in told],
        [each.wait_s for each in told],
        [int(each.is_handover) for each in told],
        [each.is_away for each in told],
    )
    found = {(row["id"], row["attempt"]) for row in rows}
    if lost := [each for each in told if (each.id, each.attempt) not in found]:
        await connection.execute(_EXCUSE, [int(each.id) for each in lost], [each.attempt for each in lost])
    return [each for each in told if (each.id, each.attempt) in found]


async def sweep(
    connection: asyncpg.Connection, attempts_max: int, worker: str, held: Collection[JobId] | None = ()
) -> list[tuple[JobId, str, JobState]]:
    """Take back jobs whose lease ran out: queued, or dead after so many attempts; each with kind and state.

    worker: the name of who sweeps, and what it holds, which it keeps as it lives; None while it claims, as it may hold
    more than it knows. What else is in its name it never learned of, as the database went away in the midst of its
    claim: that is no attempt.
    """
    ours = None if held is None else [int(each) for each in held]
    rows = await connection.fetch(_SWEEP, attempts_max, msgspec.json.encode(LOST).decode(), worker, ours)
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
