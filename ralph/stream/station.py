"""The stream of one process, put together: the hub, the rounds to its sockets, and the journal behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ralph.config import StreamConfig
from ralph.stream import journal
from ralph.stream.hub import Hub
from ralph.stream.journal import Replay, Scribe
from ralph.stream.rounds import Rounds
from ralph.stream.sockets import RESTART


class Journal(journal.Journal, Protocol):
    """Where announcements are kept, and epochs begin."""

    async def begin(self, workspace: str) -> str: ...

    async def keys(self, workspace: str) -> Sequence[tuple[str, str]]: ...


class Station:
    """What the live path publishes into (`hub`), and what `/ws` is served from."""

    def __init__(self, journal: Journal, config: StreamConfig) -> None:
        self.config = config
        self.hub = Hub()
        self.rounds = Rounds(self.hub, config.slow_s)
        self.replay = Replay(self.hub, journal, config.slow_s)
        self.scribe = Scribe(self.hub, journal)
        self._journal = journal

    async def begin(self, workspace: str) -> None:
        """Begin an epoch: what a workspace announces from now on is numbered from 1, and written to the journal. What
        was announced under a key before is known. Who is connected is told to connect again."""
        epoch = await self._journal.begin(workspace)
        self.rounds.hang_up_all(RESTART, "a new epoch begins; connect again")
        self.hub.begin(epoch)
        for topic, key in await self._journal.keys(workspace):
            self.hub.remember(topic, key)
        self.hub.on_announced = self.scribe.note

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.rounds.run(), name="rounds")
            tasks.create_task(self.scribe.run(), name="scribe")
