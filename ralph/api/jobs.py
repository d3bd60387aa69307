"""/api/v1/jobs: work that goes on by itself: asked for, followed, cancelled, tried again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ralph.api.problems import PROBLEMS
from ralph.api.streams import Streams
from ralph.jobs.kind import JobKind, enqueue, find_kind
from ralph.jobs.kinds import KINDS
from ralph.jobs.news import LOOK_S, JobNews
from ralph.store.database import Database
from ralph.store.ledger import (
    ENDED,
    Job,
    JobFilter,
    JobId,
    JobState,
    QueueName,
    cancel_job,
    find_job,
    list_jobs,
    retry_job,
)

ALIVE_S = 15.0  # a stream without news says so much, lest a proxy closes it

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="Of the client's choice: the same key is the same job, asked twice or not."
    ),
]


Prefer = Annotated[
    str | None, HeaderParameter(name="Prefer", description="`respond-async`: answer 202 with a job (RFC 7240).")
]


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to begin: its kind and the arguments of that kind. Of two that wait, the higher priority is first."""

    kind: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    priority: int = 0


class JobPage(msgspec.Struct, frozen=True):
    """Jobs, the newest first; next is the cursor of the following page."""

    jobs: list[Job]
    next: str | None


class KindInfo(msgspec.Struct, frozen=True):
    """A kind of job: its title in English and Korean, and the JSON schema of its arguments."""

    name: str
    en: str
    ko: str
    queue: QueueName
    timeout_s: float
    args: dict[str, Any]


@get("/", operation_id="listJobs", summary="Jobs", tags=["jobs"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    status: Annotated[JobState | None, QueryParameter(name="state", required=False)] = None,
    kind: FromQuery[str | None] = None,
    queue: FromQuery[QueueName | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 50,
) -> JobPage:
    """Jobs of every state, the newest first; by state, kind and queue. Dead ones used up their attempts."""
    async with database.acquire() as connection:
        found = await list_jobs(connection, JobFilter(status, kind, queue), before=cursor, limit=limit + 1)
    return JobPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get("/kinds", operation_id="listJobKinds", summary="Kinds of jobs", tags=["jobs"], sync_to_thread=False)
def list_kinds() -> list[KindInfo]:
    """What can be asked for, and with which arguments."""
    return [
        KindInfo(kind.name, kind.en, kind.ko, kind.queue, kind.timeout_s, msgspec.json.schema(kind.args))
        for kind in KINDS.values()
    ]


@post("/", operation_id="startJob", summary="Begin a job", tags=["jobs"], status_code=202, responses=PROBLEMS)
async def start(
    data: JSONBody[JobRequest], database: NamedDependency[Database], idempotency_key: IdempotencyKey = None
) -> Response[Job]:
    """Begin a job; it goes on whatever becomes of the caller. Follow it at the Location."""
    kind = find_kind(KINDS, data.kind)
    args = kind.parse(msgspec.json.encode(data.args))
    async with database.acquire() as connection:
        return await accepted(connection, kind, args, idempotency_key, data.priority)


def is_async(prefer: str | None) -> bool:
    """Whether a Prefer header asks for a job instead of an answer that takes long."""
    return "respond-async" in [part.split(";")[0].strip().lower() for part in (prefer or "").split(",")]


async def accepted(
    connection: asyncpg.Connection, kind: JobKind[Any], args: msgspec.Struct, key: str | None, priority: int = 0
) -> Response[Job]:
    """Ask for a job, and the answer that says where it can be followed."""
    job_id = await enqueue(connection, kind, args, key=key, priority=priority)
    job = await find_job(connection, job_id)
    return Response(job, status_code=202, headers={"Location": f"/api/v1/jobs/{job_id}"})


@get("/{job_id:str}", operation_id="getJob", summary="One job", tags=["jobs"], responses=PROBLEMS)
async def show(job_id: FromPath[str], database: NamedDependency[Database]) -> Job:
    """A job with its progress, and its result or error once it is over."""
    async with database.acquire() as connection:
        return await find_job(connection, job_id)


@get("/{job_id:str}/events", operation_id="followJob", summary="Follow a job", tags=["jobs"], responses=PROBLEMS)
async def follow(
    job_id: FromPath[str],
    database: NamedDependency[Database],
    job_news: NamedDependency[JobNews],
    streams: NamedDependency[Streams],
) -> ServerSentEvent:
    """Server-sent events: `progress` with the whole job whenever it changed, `end` when it is over."""
    async with database.acquire() as connection:
        job = await find_job(connection, job_id)
    with streams.opened():
        pass  # refused here, where it can still be said
    return ServerSentEvent(_events(job, job_news, streams))


async def _events(job: Job, news: JobNews, streams: Streams) -> AsyncIterator[ServerSentEventMessage]:
    latest = [job]  # the newest state counts; those between are left out
    silent_s = 0.0
    with streams.opened(), news.following(job.id, lambda found: latest.__setitem__(0, found)):
        yield _event(job)
        while job.state not in ENDED and await streams.pause(LOOK_S):
            silent_s = 0.0 if latest[0] != job else silent_s + LOOK_S
            if latest[0] != job:
                job = latest[0]
                yield _event(job)
            elif silent_s >= ALIVE_S:
                silent_s = 0.0
                yield ServerSentEventMessage(comment="alive")


def _event(job: Job) -> ServerSentEventMessage:
    return ServerSentEventMessage(
        data=msgspec.json.encode(job).decode(), event="end" if job.state in ENDED else "progress", id=job.id
    )


@post(
    "/{job_id:str}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    tags=["jobs"],
    status_code=202,
    responses=PROBLEMS,
)
async def cancel(job_id: FromPath[str], database: NamedDependency[Database]) -> Job:
    """Ask a job to end: one that waits is cancelled at once, one that runs soon."""
    async with database.acquire() as connection:
        return await cancel_job(connection, job_id)


@post(
    "/{job_id:str}/retry",
    operation_id="retryJob",
    summary="Try a job again",
    tags=["jobs"],
    status_code=202,
    responses=PROBLEMS,
)
async def retry(job_id: FromPath[str], database: NamedDependency[Database]) -> Job:
    """Queue a job again that failed, was cancelled or is dead."""
    async with database.acquire() as connection:
        return await retry_job(connection, JobId(job_id))


router = Router("/jobs", route_handlers=[list_page, list_kinds, start, show, follow, cancel, retry])
