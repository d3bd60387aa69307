"""Long work of commands where a server holds the home: the server does it, and goes on when they are interrupted."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ralph.cli.jobs import follow, succeeded
from ralph.config import Config
from ralph.embedded.home import Home
from ralph.embedded.servers import SERVING
from ralph.errors import (
    BadFile,
    BadParameter,
    BadRequest,
    DataNotFound,
    NotAllowed,
    NotFound,
    TooLarge,
    UnknownSymbol,
)
from ralph.jobs.kind import JobKind, enqueue
from ralph.store.database import Database
from ralph.store.ledger import JobError

Result = TypeVar("Result")

_REFUSALS = (BadRequest, BadFile, BadParameter, DataNotFound, NotAllowed, NotFound, TooLarge, UnknownSymbol)
_ERRORS: dict[str, type[BadRequest]] = {kind.code: kind for kind in _REFUSALS}


def is_served(config: Config) -> bool:
    """Whether a running server works on jobs of this home."""
    holder = Home(config.home).holder()
    return holder is not None and holder.purpose in SERVING and config.jobs.embedded


async def through_server(database: Database, kind: JobKind[Any], args: msgspec.Struct, result: type[Result]) -> Result:
    """What the server found, watched to its end; Ctrl-C stops watching only. What it refused is refused here."""
    async with database.acquire() as connection:
        job_id = await enqueue(connection, kind, args)
    job = await follow(database, job_id)
    if job.state == "failed" and job.error is not None:
        raise refusal(job.error)
    return msgspec.convert(succeeded(job), result)


def refusal(told: JobError) -> BadRequest:
    """The error for which a job was refused."""
    return _ERRORS.get(told.code, BadRequest)(told.message, field=told.field, accepted=told.accepted)
