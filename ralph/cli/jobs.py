"""`ralph jobs`: work that goes on by itself: list it, begin it, watch it, cancel it, try it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import asyncpg
import click

from ralph.cli.options import home_option, json_option, open_database, run, settings
from ralph.cli.output import ProgressBar, number, print_json, print_table
from ralph.errors import RalphError
from ralph.jobs.kind import enqueue, find_kind
from ralph.jobs.kinds import KINDS
from ralph.store.database import Database
from ralph.store.ledger import (
    ENDED,
    QUEUES,
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

LOOK_S = 0.3
STEP_SHOWN = 200  # characters of what a step did; --json has all of it
NOBODY_S = 5.0  # after waiting for so long, whether anybody works at all is in question


@click.group("jobs")
def jobs_command() -> None:
    """Imports, quality runs and other long work: it goes on in the server or in `ralph worker`."""


@jobs_command.command("ls")
@click.option("--state", type=click.Choice(get_args(JobState)), help="Only these.")
@click.option("--kind", help="Only jobs of this kind.")
@click.option("--queue", type=click.Choice(QUEUES), help="Only jobs of this queue.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--before", help="Go on after this id, the last of the page before.")
@home_option
@json_option
def ls_command(
    state: JobState | None, kind: str | None, queue: QueueName | None, home: Path | None, as_json: bool, **page: Any
) -> None:
    """List jobs, the newest first."""
    _list(JobFilter(state, kind, queue), home, as_json, page)


@jobs_command.command("dead")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--before", help="Go on after this id, the last of the page before.")
@home_option
@json_option
def dead_command(home: Path | None, as_json: bool, **page: Any) -> None:
    """List the jobs that used up their attempts; `ralph jobs retry ID` begins again."""
    _list(JobFilter("dead"), home, as_json, page)


def _list(wanted: JobFilter, home: Path | None, as_json: bool, page: dict[str, Any]) -> None:
    found = run(_with_connection(home, lambda connection: list_jobs(connection, wanted, **page)))
    if as_json:
        print_json(found)
        return
    rows = [
        (job.id, job.kind, job.state, job.attempts, _progress(job), f"{job.created_at:%Y-%m-%d %H:%M:%S}", _why(job))
        for job in found
    ]
    print_table(("id", "kind", "state", "attempts", "progress", "asked for (UTC)", "error"), rows, right=(3,))


@jobs_command.command("show")
@click.argument("job_id", metavar="ID")
@home_option
@json_option
def show_command(job_id: str, home: Path | None, as_json: bool) -> None:
    """Show one job with its arguments, and its result or error."""
    show_job(run(_with_connection(home, lambda connection: find_job(connection, job_id))), as_json)


@jobs_command.command("cancel")
@click.argument("job_id", metavar="ID")
@home_option
@json_option
def cancel_command(job_id: str, home: Path | None, as_json: bool) -> None:
    """Ask a job to end."""
    show_job(run(_with_connection(home, lambda connection: cancel_job(connection, job_id))), as_json)


@jobs_command.command("retry")
@click.argument("job_id", metavar="ID")
@home_option
@json_option
def retry_command(job_id: str, home: Path | None, as_json: bool) -> None:
    """Try a job again that failed, was cancelled or is dead."""
    show_job(run(_with_connection(home, lambda connection: retry_job(connection, job_id))), as_json)


@jobs_command.command("kinds")
@json_option
def kinds_command(as_json: bool) -> None:
    """List what can be asked for."""
    kinds = [
        {"name": kind.name, "en": kind.en, "ko": kind.ko, "args": kind.args.__struct_encode_fields__}
        for kind in KINDS.values()
    ]
    if as_json:
        print_json(kinds)
        return
    rows = [(kind["name"], kind["en"], kind["ko"], ", ".join(kind["args"])) for kind in kinds]
    print_table(("kind", "what", "", "args"), rows)


@jobs_command.command("start")
@click.argument("kind")
@click.argument("args", default="{}")
@click.option("--key", help="The same key is the same job, asked for twice or not.")
@click.option("--priority", type=int, default=0, show_default=True, help="Of two that wait, the higher is first.")
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@home_option
@json_option
def start_command(kind: str, args: str, key: str | None, priority: int, **options: Any) -> None:
    """Begin a job of a KIND with ARGS as JSON, and watch it; Ctrl-C stops watching only."""
    chosen = find_kind(KINDS, kind)
    parsed = chosen.parse(args.encode())

    async def begin() -> Job:
        async with open_database(settings(options["home"]), "jobs") as database:
            async with database.acquire() as connection:
                job_id = await enqueue(connection, chosen, parsed, key=key, priority=priority)
                job = await find_job(connection, job_id)
            return job if options["detach"] else await follow(database, job_id)

    show_end(run(begin()), options["as_json"])


@jobs_command.command("watch")
@click.argument("job_id", metavar="ID")
@home_option
@json_option
def watch_command(job_id: str, home: Path | None, as_json: bool) -> None:
    """Watch a job to its end; Ctrl-C stops watching only."""

    async def watch() -> Job:
        async with open_database(settings(home), "jobs") as database:
            return await follow(database, JobId(job_id))

    show_end(run(watch()), as_json)


async def follow(database: Database, job_id: JobId) -> Job:
    """A job's progress on standard error, to its end. Interrupted, it says how to go on watching."""
    waited_s = 0.0
    task = asyncio.current_task()
    assert task is not None
    try:
        with closing(ProgressBar(f"job {job_id}")) as bar:
            while True:
                if task.cancelling():  # asyncpg may keep an interruption to itself that comes with an answer
                    raise asyncio.CancelledError
                async with database.acquire() as connection:
                    job = await find_job(connection, job_id)
                if job.state in ENDED:
                    return job
                if job.progress is not None:
                    bar(job.progress.phase, job.progress.done, job.progress.total)
                waited_s = 0.0 if job.state == "running" else waited_s + LOOK_S
                if NOBODY_S <= waited_s < NOBODY_S + LOOK_S:
                    click.echo(f"job {job_id} waits: is `ralph up` or `ralph worker` running?", err=True)
                await asyncio.sleep(LOOK_S)
    except asyncio.CancelledError:
        click.echo(f"\njob {job_id} goes on: ralph jobs watch {job_id}, ralph jobs cancel {job_id}", err=True)
        raise


def succeeded(job: Job) -> Any:
    """The result of a job that is over. RalphError says why there is none."""
    if job.state != "succeeded":
        again = f"; ralph jobs retry {job.id} tries again" if job.state in ENDED else ""
        raise RalphError(f"job {job.id} {_ended(job)}{again}")
    return job.result


def _ended(job: Job) -> str:
    return f"is {job.state}" + (f": {job.error.message}" if job.error else "")


async def _with_connection(home: Path | None, ask: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    async with open_database(settings(home), "jobs") as database, database.acquire() as connection:
        return await ask(connection)


def show_job(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        rows = [(name, value) for name, value in _lines(job) if value not in (None, "")]
        print_table(("job", job.id), rows)
        if steps := _steps(job):
            print_table(("step", "took s", "what it did"), steps, right=(1,))


def show_end(job: Job, as_json: bool) -> None:
    show_job(job, as_json)
    if job.state in ENDED:
        succeeded(job)


def _lines(job: Job) -> list[tuple[str, Any]]:
    import json

    return [
        ("kind", job.kind),
        ("state", job.state + (" (to be cancelled)" if job.cancel_requested and job.state == "running" else "")),
        ("args", json.dumps(job.args, ensure_ascii=False)),
        ("attempts", job.attempts),
        ("progress", _progress(job)),
        ("asked for", job.created_at),
        ("started", job.started_at),
        ("finished", job.finished_at),
        ("result", None if job.result is None or _steps(job) else json.dumps(job.result, ensure_ascii=False)),
        ("error", _why(job)),
    ]


def _steps(job: Job) -> list[tuple[str, str, str]]:
    """The steps of a job that reports in steps."""
    import json

    steps = job.result.get("steps", []) if isinstance(job.result, dict) else []
    return [
        (step["name"], number(step["took_s"]), json.dumps(step["about"], ensure_ascii=False)[:STEP_SHOWN])
        for step in steps
    ]


def _progress(job: Job) -> str:
    progress = job.progress
    if progress is None:
        return ""
    of = f" of {number(progress.total, 0)}" if progress.total else ""
    left = f", {progress.remaining_s:.0f} s left" if progress.remaining_s is not None else ""
    return f"{progress.phase} {number(progress.done, 0)}{of}{left}" if progress.done or of else progress.phase


def _why(job: Job) -> str:
    return job.error.message if job.error else ""
