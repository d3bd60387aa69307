"""What happens to jobs that somebody follows: the ledger is asked in one place, however many look on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from ralph.errors import Unavailable
from ralph.store.database import Database
from ralph.store.ledger import ENDED, Job, JobId, find_jobs

_log = logging.getLogger("ralph.jobs")

LOOK_S = 0.3  # how often it looks, while somebody follows a job

Tell = Callable[[Job], None]


class JobNews:
    """Tells followers of a job whenever it has changed, once at the beginning, and for the last time when it is over.

    One question every LOOK_S for all of them; none while nobody follows. A follower must not block.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: dict[JobId, set[Tell]] = {}
        self._known: dict[JobId, Job] = {}
        self._some = asyncio.Event()

    @contextlib.contextmanager
    def following(self, job_id: JobId, tell: Tell) -> Iterator[None]:
        """`tell` is called with the job as it is and, as long as this lasts, whenever it has changed. A job that is not
        there is never told of."""
        self._followers.setdefault(job_id, set()).add(tell)
        if (known := self._known.get(job_id)) is not None:
            tell(known)
        self._some.set()
        try:
            yield
        finally:
            followers = self._followers[job_id]
            followers.discard(tell)
            if not followers:
                del self._followers[job_id]
                self._known.pop(job_id, None)

    async def run(self) -> None:
        """Look, for ever; followers wait while the database is away."""
        while True:
            await self._some.wait()
            try:
                await self._look()
            except Unavailable as error:
                _log.debug("jobs cannot be seen: %s", error)
            if not self._followers:
                self._some.clear()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        open_ones = [
            each for each in self._followers if each not in self._known or self._known[each].state not in ENDED
        ]
        if not open_ones:
            return
        async with self._database.acquire() as connection:
            jobs = await find_jobs(connection, open_ones)
        for job in jobs:
            if job.id in self._followers and self._known.get(job.id) != job:
                self._known[job.id] = job
                for tell in tuple(self._followers[job.id]):
                    tell(job)
