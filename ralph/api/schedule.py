"""/api/v1/schedule: what runs by itself, and what it will run; begun now, paused, resumed."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ralph.api.problems import PROBLEMS
from ralph.jobs.scheduler import HOURS_MAX, Outlook, Scheduler
from ralph.store.database import Database
from ralph.store.ledger import Job, find_job


@get("/", operation_id="getSchedule", summary="What runs by itself", tags=["jobs"], responses=PROBLEMS)
async def show(
    scheduler: NamedDependency[Scheduler],
    hours: Annotated[int, QueryParameter(ge=1, le=HOURS_MAX, description="How far to look ahead.")] = 24,
) -> Outlook:
    """All schedules with their newest run, and everything that will run in the next hours."""
    return await scheduler.outlook(hours)


@post(
    "/{name:str}/run",
    operation_id="runSchedule",
    summary="Run a schedule now",
    tags=["jobs"],
    status_code=202,
    responses=PROBLEMS,
)
async def run(
    name: FromPath[str], scheduler: NamedDependency[Scheduler], database: NamedDependency[Database]
) -> Response[Job]:
    """Begin its job at once; its own times stay as they are. Follow the job at the Location."""
    job_id = await scheduler.run_now(name)
    async with database.acquire() as connection:
        job = await find_job(connection, job_id)
    return Response(job, status_code=202, headers={"Location": f"/api/v1/jobs/{job_id}"})


@post(
    "/{name:str}/pause",
    operation_id="pauseSchedule",
    summary="Pause a schedule",
    tags=["jobs"],
    status_code=200,
    responses=PROBLEMS,
)
async def pause(name: FromPath[str], scheduler: NamedDependency[Scheduler]) -> Outlook:
    """Nothing of it is begun until it is resumed; what it began goes on."""
    await scheduler.set_paused(name, True)
    return await scheduler.outlook()


@post(
    "/{name:str}/resume",
    operation_id="resumeSchedule",
    summary="Resume a schedule",
    tags=["jobs"],
    status_code=200,
    responses=PROBLEMS,
)
async def resume(name: FromPath[str], scheduler: NamedDependency[Scheduler]) -> Outlook:
    """It goes on with the tick that comes next; those that passed in the meantime are not made up for."""
    await scheduler.set_paused(name, False)
    return await scheduler.outlook()


router = Router("/schedule", route_handlers=[show, run, pause, resume])
