"""`ralph import` where a server holds the home: the server does it, and goes on when this command is interrupted."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ralph.cli.jobs import follow
from ralph.cli.served import is_served, refusal
from ralph.config import Config
from ralph.errors import BadFile, BadRequest, RalphError, Unavailable
from ralph.jobs.chores import IMPORT, INBOX, ImportArgs
from ralph.jobs.imports import ENDINGS, FileImport
from ralph.jobs.kind import enqueue
from ralph.store.database import Database
from ralph.store.imports import ImportReport
from ralph.store.ledger import Job, JobError, JobId, find_job

FILES_MAX = 200  # of one job; more are imported here, file by file


def goes_as_job(config: Config, files: Sequence[Path], order: FileImport, *, detach: bool) -> bool:
    """Whether the running server can do it. Unavailable where it must, and cannot."""
    can = is_served(config) and not order.dry_run and _are_plain(files)
    if detach and not can:
        raise Unavailable(
            f"--detach needs a running `ralph up`, and at most {FILES_MAX} files that exist, each with another name",
            field="detach",
        )
    return can


def _are_plain(files: Sequence[Path]) -> bool:
    names = {path.name.lower() for path in files if path.is_file() and path.name.lower().endswith(ENDINGS)}
    return len(names) == len(files) <= FILES_MAX


async def ask_import(database: Database, config: Config, files: Sequence[Path], order: FileImport) -> Job:
    """A job for these files, which are copied to where it finds them."""
    place = config.home / INBOX / secrets.token_hex(16)
    await asyncio.to_thread(_copy, files, place)
    args = ImportArgs(
        place.name if len(files) > 1 else f"{place.name}/{files[0].name}",
        order.kind,
        order.workspace,
        order.overrides,
        order.adjusted,
        order.as_of,
        order.timezone,
        order.unit,
        remove=True,
    )
    async with database.acquire() as connection:
        return await find_job(connection, await enqueue(connection, IMPORT, args))


async def outcomes(
    database: Database, config: Config, job_id: JobId, files: Sequence[Path]
) -> list[ImportReport | BadRequest]:
    """Watch the job to its end: what became of each file, in order. Raises what a single file was refused for."""
    job = await follow(database, job_id)
    if job.state == "failed" and job.error is not None:
        place = config.home / INBOX / Path(job.args["file"]).parts[0]
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)  # tried again, it would be refused again
        raise refusal(job.error)
    if job.state != "succeeded":
        raise RalphError(f"job {job.id} is {job.state}" + (f": {job.error.message}" if job.error else ""))
    if len(files) == 1:
        return [msgspec.convert(job.result, ImportReport)]
    by_name = {each["file_name"]: each for each in job.result}
    return [_outcome(by_name[path.name]) for path in files]


def _outcome(told: dict[str, Any]) -> ImportReport | BadRequest:
    if "error" in told:
        return refusal(msgspec.convert(told["error"], JobError))
    return msgspec.convert(told, ImportReport)


def _copy(files: Sequence[Path], place: Path) -> None:
    place.mkdir(mode=0o700, parents=True)
    try:
        for path in files:
            shutil.copyfile(path, place / path.name)
    except OSError as error:
        shutil.rmtree(place)
        raise BadFile(f"cannot copy {error.filename} to {place}: {error.strerror}", field="files") from error
