"""Writes how attempts ended, many at once, and for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ralph.errors import Unavailable
from ralph.store.database import Database
from ralph.store.leases import Lease, Settlement, settle
from ralph.store.ledger import JobId, JobState

AWAY_S = 0.3
AT_ONCE_MAX = 200


class Settler:
    """Collects what ended while the last ones are being written. Its backlog ends with the jobs that workers hold."""

    def __init__(self, database: Database, on_settled: Callable[[str, JobState], None]) -> None:
        self._database = database
        self._on_settled = on_settled
        self._waiting: dict[tuple[JobId, int], tuple[str, Settlement, asyncio.Future[None]]] = {}
        self._some = asyncio.Event()

    def holds(self, lease: Lease) -> bool:
        """Whether the end of this attempt is about to be written."""
        return (lease.id, lease.attempt) in self._waiting

    async def settle(self, kind: str, settlement: Settlement) -> None:
        """Return when it is written, or when it turned out that another attempt has the job."""
        written = asyncio.get_running_loop().create_future()
        self._waiting[settlement.id, settlement.attempt] = (kind, settlement, written)
        self._some.set()
        await written

    async def run(self) -> None:
        """Write, for ever; an unreachable database is waited for."""
        while True:
            await self._some.wait()
            batch = list(self._waiting.values())[:AT_ONCE_MAX]
            try:
                async with self._database.acquire() as connection:
                    held = set(await settle(connection, [settlement for _, settlement, _ in batch]))
            except Unavailable:
                await asyncio.sleep(AWAY_S)
                continue
            for kind, settlement, written in batch:
                del self._waiting[settlement.id, settlement.attempt]
                if settlement in held:
                    self._on_settled(kind, settlement.state)
                if not written.done():
                    written.set_result(None)
            if not self._waiting:
                self._some.clear()
