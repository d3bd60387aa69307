"""The stream of one process, put together: the hub, the rounds to its sockets, the journal, and the other processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ralph.config import StreamConfig
from ralph.stream import journal
from ralph.stream.hub import Announcement, Hub
from ralph.stream.journal import Replay, Scribe
from ralph.stream.relay import Relay
from ralph.stream.rounds import Rounds
from ralph.stream.sockets import RESTART


class Journal(journal.Journal, Protocol):
    """Where announcements are kept, and epochs begin."""

    async def begin(self, workspace: str) -> str: ...

    async def keys(self, workspace: str) -> Sequence[tuple[str, str]]: ...


class Leader(Protocol):
    """Runs work in one process of all."""

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None: ...


class Station:
    """What the live path publishes into (`hub`), and what `/ws` is served from."""

    def __init__(self, journal: Journal, config: StreamConfig) -> None:
        self.config = config
        self.hub = Hub()
        self.rounds = Rounds(self.hub, config.slow_s)
        self.replay = Replay(self.hub, journal, config.slow_s)
        self.scribe = Scribe(self.hub, journal)
        self._journal = journal
        self._workspace = ""
        self._relay: Relay | None = None

    async def begin(self, workspace: str, redis_url: str | None = None) -> None:
        """Be ready to serve a workspace's stream; redis_url: together with other processes, that have the same Redis.

        One process alone begins an epoch: what is announced from now on is numbered from 1. Several go on with the
        epoch there is. Unavailable when the journal or Redis cannot be reached.
        """
        self._workspace = workspace
        if redis_url is None:
            self._begin_epoch(await self._journal.begin(workspace))
            await self._remember()
            self.hub.on_announced = self.scribe.note
            return
        self._relay = Relay(self.hub, redis_url, lambda: self._journal.begin(workspace), workspace)
        self._relay.on_epoch = self._send_away
        self._relay.on_lead = self._take_the_pen
        await self._relay.begin()

    async def lead(self, leader: Leader | None, work: Callable[[], Awaitable[None]]) -> None:
        """Run work that publishes: at once where this process is alone, else while it is the leader of all."""
        relay = self._relay
        if relay is None or leader is None:
            await work()
            return

        async def publish() -> None:
            await self._remember()
            await work()

        async def lead() -> None:
            try:
                await relay.lead(publish)
            finally:
                self.hub.on_announced = _nothing

        await leader.run(lead)

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.rounds.run(), name="rounds")
            tasks.create_task(self.scribe.run(), name="scribe")
            if self._relay is not None:
                tasks.create_task(self._relay.follow(), name="relay")

    async def close(self) -> None:
        """Close what was opened."""
        if self._relay is not None:
            await self._relay.close()

    def _begin_epoch(self, epoch: str) -> None:
        self._send_away()
        self.hub.begin(epoch)

    def _send_away(self) -> None:
        """Numbers that clients have mean nothing any more: they are to connect again."""
        self.rounds.hang_up_all(RESTART, "a new epoch begins; connect again")

    def _take_the_pen(self, announced: Sequence[Announcement]) -> None:
        """Write to the journal from now on, and what the leader before may not have written."""
        self.hub.on_announced = self.scribe.note
        for announcement in announced:
            self.scribe.note(announcement)

    async def _remember(self) -> None:
        """What was announced before is not announced again."""
        for topic, key in await self._journal.keys(self._workspace):
            self.hub.remember(topic, key)


def _nothing(announcement: Announcement) -> None:
    """Followers leave the journal to the leader."""
