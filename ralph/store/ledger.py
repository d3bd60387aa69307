"""The ledger of jobs: rows asked for, looked at, cancelled and tried again. `leases` is how they are worked on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NewType, get_args

import asyncpg
import msgspec

from ralph.errors import BadParameter, NotFound

JobId = NewType("JobId", str)
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]
QueueName = Literal["fast", "long"]

ENDED: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled", "dead"})
QUEUES: tuple[QueueName, ...] = get_args(QueueName)
CHANNEL = "ralph_jobs"
"""Notices: the name of a queue that has a new job, or `cancel`."""

PRIORITY_MAX = 1_000
KEY_LENGTH_MAX = 200
ARGS_BYTES_MAX = 262_144


class Progress(msgspec.Struct, frozen=True):
    """How far a job is: done of total (0: unknown) in its present phase; rate per second and remaining seconds where
    they are known."""

    phase: str
    done: int
    total: int
    rate: float | None = None
    remaining_s: float | None = None


class JobError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a job failed, or why its last attempt did; as in the problems of the API."""

    code: str
    message: str
    field: str | None = None
    accepted: str | None = None


class Job(msgspec.Struct, frozen=True):
    """One job as it stands.

    attempts   how often it was started, apart from attempts that do not count: handed over by a worker that was told to
               stop, cut short because a server was away, or taken from a worker that turned out to live
    key        the idempotency key it was asked for with
    run_after  not before this moment: in the future after a failed attempt
    """

    id: JobId
    kind: str
    state: JobState
    queue: QueueName
    priority: int
    owner: str
    key: str | None
    attempts: int
    cancel_requested: bool
    progress: Progress | None
    args: Any
    result: Any
    error: JobError | None
    trace_id: str | None
    worker: str | None
    run_after: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobFilter(msgspec.Struct, frozen=True):
    """Which jobs: all where nothing is said."""

    state: JobState | None = None
    kind: str | None = None
    queue: QueueName | None = None


ALL = JobFilter()


class NewJob(msgspec.Struct, frozen=True):
    """A job to be asked for; args is JSON. traceparent: the W3C trace context of who asks."""

    kind: str
    args: bytes
    queue: QueueName
    owner: str
    priority: int
    key: str | None
    trace_id: str | None
    traceparent: str | None = None


class Backlog(msgspec.Struct, frozen=True):
    """Jobs by state and queue that are not over, and how long the oldest that could run has waited, seconds."""

    queued: int
    running: int
    oldest_s: float


_INSERT = """
    WITH added AS (
        INSERT INTO jobs (kind, args, queue, owner, priority, key, trace_id, traceparent)
             VALUES ($1, $2::jsonb, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (owner, key) WHERE key IS NOT NULL DO NOTHING
          RETURNING id
    )
    SELECT id::text, pg_notify('ralph_jobs', $3) FROM added
"""

_BY_KEY = "SELECT id::text, kind, args = $3::jsonb AS is_same FROM jobs WHERE owner = $1 AND key = $2"

_COLUMNS = """
    SELECT id::text, kind, state, queue, priority, owner, key, attempt - handovers AS attempts, cancel_requested,
           progress, args, result, error, trace_id, worker, run_after, created_at, started_at, finished_at
      FROM jobs
"""

_FIND = f"{_COLUMNS} WHERE id = $1"

_FIND_ALL = f"{_COLUMNS} WHERE id = ANY ($1::bigint[])"

_LIST = f"""
    {_COLUMNS}
     WHERE ($1::text IS NULL OR state = $1)
       AND ($2::text IS NULL OR kind = $2)
       AND ($3::text IS NULL OR queue = $3)
       AND ($4::bigint IS NULL OR id < $4)
  ORDER BY jobs.id DESC
     LIMIT $5
"""

_CANCEL = """
    UPDATE jobs
       SET cancel_requested = true,
           state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
           finished_at = CASE state WHEN 'queued' THEN now() END
     WHERE id = $1 AND state IN ('queued', 'running')
 RETURNING pg_notify('ralph_jobs', 'cancel')
"""

_RETRY = """
    UPDATE jobs
       SET state = 'queued', handovers = attempt, run_after = now(), finished_at = NULL, error = NULL,
           cancel_requested = false, lost_attempt = NULL, away_since = NULL
     WHERE id = $1 AND state IN ('failed', 'cancelled', 'dead')
 RETURNING pg_notify('ralph_jobs', queue)
"""

_BACKLOG = """
    SELECT count(*) FILTER (WHERE state = 'queued') AS queued, count(*) FILTER (WHERE state = 'running') AS running,
           coalesce(extract(epoch FROM max(now() - run_after) FILTER (WHERE state = 'queued')), 0)::float8 AS oldest_s
      FROM jobs
     WHERE state IN ('queued', 'running')
"""


async def insert_job(connection: asyncpg.Connection, new: NewJob) -> JobId:
    """Add a job, in the caller's transaction if there is one; whoever works is told when it commits. With a key that
    its owner has used, the job of that key. BadParameter: the key was used for something else."""
    values = (new.kind, new.args.decode(), new.queue, new.owner, new.priority, new.key, new.trace_id, new.traceparent)
    before = None
    while before is None:  # retention may have removed the job of the key between the two questions
        row = await connection.fetchrow(_INSERT, *values)
        if row is not None:
            return JobId(row["id"])
        before = await connection.fetchrow(_BY_KEY, new.owner, new.key, new.args.decode())
    if before["kind"] != new.kind or not before["is_same"]:
        raise BadParameter(
            f"the key {new.key!r} was used for job {before['id']}, which is another one; use a new key",
            field="Idempotency-Key",
            accepted="a key that was not used, or the same request again",
        )
    return JobId(before["id"])


async def find_job(connection: asyncpg.Connection, job_id: str) -> Job:
    """One job. NotFound."""
    row = await connection.fetchrow(_FIND, _number(job_id))
    if row is None:
        raise _unknown(job_id)
    return _job(row)


async def find_jobs(connection: asyncpg.Connection, job_ids: Iterable[JobId]) -> list[Job]:
    """Those of the jobs that are there, in no order; what is no id is not there."""
    numbers = [int(each) for each in job_ids if _is_id(each)]
    return [_job(row) for row in await connection.fetch(_FIND_ALL, numbers)]


async def list_jobs(
    connection: asyncpg.Connection, wanted: JobFilter = ALL, *, before: str | None = None, limit: int = 50
) -> list[Job]:
    """Jobs, the newest first; before: the id after which the page begins. BadParameter for a cursor that is none."""
    if before is not None and not before.isdecimal():
        raise BadParameter(f"{before[:40]!r} is no cursor", field="cursor", accepted="`next` of the page before")
    after = None if before is None else _number(before)
    rows = await connection.fetch(_LIST, wanted.state, wanted.kind, wanted.queue, after, limit)
    return [_job(row) for row in rows]


async def cancel_job(connection: asyncpg.Connection, job_id: str) -> Job:
    """Ask for a job to end: at once where it waits, soon where it runs. NotFound; BadParameter where it is over."""
    cancelled = await connection.fetchrow(_CANCEL, _number(job_id))
    job = await find_job(connection, job_id)
    if cancelled is None and job.state != "cancelled":
        raise BadParameter(
            f"job {job.id} has {job.state}; there is nothing to cancel", field="id", accepted="queued or running"
        )
    return job


async def retry_job(connection: asyncpg.Connection, job_id: str) -> Job:
    """Queue a job again that failed, was cancelled or is dead, with all its attempts. NotFound, BadParameter."""
    retried = await connection.fetchrow(_RETRY, _number(job_id))
    job = await find_job(connection, job_id)
    if retried is None:
        raise BadParameter(
            f"job {job.id} is {job.state}; only a job that failed, was cancelled or is dead can be tried again",
            field="id",
            accepted="failed, cancelled or dead",
        )
    return job


async def backlog(connection: asyncpg.Connection) -> Backlog:
    """What waits and what runs."""
    row = await connection.fetchrow(_BACKLOG)
    return Backlog(row["queued"], row["running"], max(0.0, row["oldest_s"]))


def _number(job_id: str) -> int:
    if not _is_id(job_id):
        raise _unknown(job_id)
    return int(job_id)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id[:40]!r}; `ralph jobs ls` lists them", field="id")


def _job(row: asyncpg.Record) -> Job:
    values = dict(row)
    for name, kind in (("progress", Progress), ("error", JobError), ("args", Any), ("result", Any)):
        values[name] = None if values[name] is None else msgspec.json.decode(values[name], type=kind)
    return Job(**values)
