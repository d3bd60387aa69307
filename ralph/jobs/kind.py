"""What a kind of job is, how one is asked for, and what a running one has at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, NewType, TypeVar

import asyncpg
import msgspec

from ralph.config import Config
from ralph.errors import BadParameter, TooLarge
from ralph.store.database import Database
from ralph.store.leases import Lease, effect
from ralph.store.ledger import (
    ARGS_BYTES_MAX,
    KEY_LENGTH_MAX,
    PRIORITY_MAX,
    JobId,
    NewJob,
    QueueName,
    insert_job,
)
from ralph.telemetry import current_trace, request_id

OWNER = "owner"
"""Who asks where nobody else is named: there is one owner."""

Args = TypeVar("Args", bound=msgspec.Struct)
CataloguePath = NewType("CataloguePath", str)
"""A module and the name in it of a mapping of kinds, as `ralph.jobs.kinds:KINDS`: a child process finds it there."""

CATALOGUE = CataloguePath("ralph.jobs.kinds:KINDS")
"""Ralph's own."""


@dataclass(frozen=True)
class JobContext:
    """What a running job has. progress is told (phase, done, total); a total of 0 is unknown."""

    lease: Lease
    config: Config
    database: Database
    progress: Callable[[str, int, int], None]

    @property
    def checkpoint(self) -> Any:
        """What an earlier attempt reached, as it was given to `effect`; None at the beginning."""
        return self.lease.checkpoint

    @asynccontextmanager
    async def effect(self, checkpoint: object) -> AsyncIterator[asyncpg.Connection]:
        """A connection in a transaction that counts once: it is committed with the checkpoint, and only while this
        attempt has the job. LeaseLost otherwise."""
        async with (
            self.database.acquire() as connection,
            effect(connection, self.lease.id, self.lease.attempt, checkpoint),
        ):
            yield connection


@dataclass(frozen=True)
class JobKind(Generic[Args]):
    """A kind of job.

    args       the struct of its arguments, which are stored as JSON
    run        the work; what it returns is stored as JSON. BadRequest ends the job as failed, everything else is
               tried again until the attempts are used up
    timeout_s  an attempt that takes longer is ended, and tried again
    is_heavy   runs in a process of its own that yields to the server
    at_once    how many of it a worker runs at a time; None as many as its queue has room for
    retry_s    pauses before the second, third, ... attempt; the last stands for all that follow
    """

    name: str
    en: str
    ko: str
    args: type[Args]
    run: Callable[[JobContext, Args], Awaitable[object]]
    queue: QueueName = "fast"
    timeout_s: float = 20.0
    is_heavy: bool = False
    at_once: int | None = None
    retry_s: tuple[float, ...] = (1.0, 5.0, 15.0, 30.0)

    def pause_s(self, attempts: int) -> float:
        """How long to wait after so many attempts."""
        return self.retry_s[min(attempts, len(self.retry_s)) - 1]

    def parse(self, args: bytes) -> Args:
        """The arguments from JSON. BadParameter says which is wrong."""
        try:
            return msgspec.json.decode(args, type=self.args)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            names = ", ".join(field.encode_name for field in msgspec.structs.fields(self.args)) or "none"
            raise BadParameter(f"args of {self.name}: {error}", field="args", accepted=names) from None


Kinds = Mapping[str, JobKind[Any]]


async def enqueue(
    connection: asyncpg.Connection,
    kind: JobKind[Args],
    args: Args,
    *,
    key: str | None = None,
    priority: int = 0,
    owner: str = OWNER,
) -> JobId:
    """Ask for a job. In a transaction it becomes visible, and is begun, when that commits.

    key: the same key of the same owner is the same job, however often it is asked for. priority: higher is begun first.
    BadParameter: a key used for another job, a key or priority out of range. TooLarge: arguments over 256 KiB.
    """
    if key is not None and not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        accepted = f"1 to {KEY_LENGTH_MAX} printable characters"
        raise BadParameter(f"an idempotency key has {accepted}", field="Idempotency-Key", accepted=accepted)
    if abs(priority) > PRIORITY_MAX:
        accepted = f"{-PRIORITY_MAX} to {PRIORITY_MAX}"
        raise BadParameter(f"priority {priority} is not {accepted}", field="priority", accepted=accepted)
    encoded = msgspec.json.encode(args)
    if b"\\u0000" in encoded:
        raise BadParameter("args hold a NUL character", field="args", accepted="text without it")
    if len(encoded) > ARGS_BYTES_MAX:
        raise TooLarge(f"args take {len(encoded):,} bytes", field="args", accepted=f"{ARGS_BYTES_MAX:,} bytes")
    trace = current_trace.get()
    traceparent = None if trace is None else trace.traceparent
    new = NewJob(kind.name, encoded, kind.queue, owner, priority, key, request_id.get(), traceparent)
    return await insert_job(connection, new)


def find_kind(kinds: Kinds, name: str) -> JobKind[Any]:
    """The kind of that name. BadParameter."""
    if name not in kinds:
        known = ", ".join(kinds)
        raise BadParameter(f"there is no kind of job {name[:40]!r}; known: {known}", field="kind", accepted=known)
    return kinds[name]
