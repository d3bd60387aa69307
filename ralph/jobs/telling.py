"""Jobs as they go, for clients that follow them live: each process looks for the jobs that its own clients follow."""

from __future__ import annotations

import asyncio
import contextlib

from ralph.errors import NotFound, Unavailable
from ralph.store.database import Database
from ralph.store.ledger import Job, find_job
from ralph.stream.hub import Hub

TOPIC = "jobs:"
LOOK_S = 0.3


class Telling:
    """Looks at the ledger while anybody follows a job, and tells what changed."""

    def __init__(self, database: Database, hub: Hub, look_s: float = LOOK_S) -> None:
        self._database = database
        self._hub = hub
        self._look_s = look_s
        self._told: dict[str, Job] = {}

    async def run(self) -> None:
        """For ever; while the database is away nothing is told."""
        while True:
            followed = self._hub.followed(TOPIC)
            self._told = {topic: job for topic, job in self._told.items() if topic in followed}
            with contextlib.suppress(Unavailable):  # it is told when the database is back
                await self._look(followed)
            await asyncio.sleep(self._look_s)

    async def _look(self, followed: list[str]) -> None:
        if not followed:
            return
        async with self._database.acquire() as connection:
            for topic in followed:
                try:
                    job = await find_job(connection, topic.removeprefix(TOPIC))
                except NotFound:
                    continue  # not yet, or no more
                if job != self._told.get(topic):
                    self._told[topic] = job
                    self._hub.put(topic, job.id, job)
