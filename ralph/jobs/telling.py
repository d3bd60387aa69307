"""Jobs as they go, for clients that follow them live: each process asks for the jobs that its own clients follow."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from ralph.jobs.news import JobNews
from ralph.store.ledger import Job, JobId
from ralph.stream.hub import Hub

TOPIC = "jobs:"
LOOK_S = 0.3


class Telling:
    """Takes news of the jobs whose topics somebody follows to the hub."""

    def __init__(self, news: JobNews, hub: Hub, look_s: float = LOOK_S) -> None:
        self._news = news
        self._hub = hub
        self._look_s = look_s
        self._followed: dict[str, contextlib.ExitStack] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            followed = set(self._hub.followed(TOPIC))
            for topic in self._followed.keys() - followed:
                self._followed.pop(topic).close()
            for topic in followed - self._followed.keys():
                following = self._followed[topic] = contextlib.ExitStack()
                tell = partial(self._tell, topic)
                following.enter_context(self._news.following(JobId(topic.removeprefix(TOPIC)), tell))
            await asyncio.sleep(self._look_s)

    def _tell(self, topic: str, job: Job) -> None:
        self._hub.put(topic, job.id, job)
