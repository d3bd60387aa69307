"""Answers what is asked first of a new Session before somebody does: gate, breadth and the scans."""

from __future__ import annotations

import asyncio
import logging

from ralph import scanners
from ralph.errors import BadRequest, Unavailable
from ralph.jobs.scanning import Scanning, ScanRequest
from ralph.store.database import Database
from ralph.store.markets import Markets

_log = logging.getLogger("ralph.jobs")

WARM = "ralph_warm"
"""The channel on which the end of a Session announces its workspace."""

AWAY_S = 1.0


class Warming:
    """Listens, and asks the questions of a workspace; several notices at once are one."""

    def __init__(self, database: Database, markets: Markets, scanning: Scanning) -> None:
        self._database = database
        self._markets = markets
        self._scanning = scanning
        self._waiting: set[str] = set()
        self._some = asyncio.Event()

    async def follow(self) -> None:
        """Warm whatever is announced, for ever; an unreachable database is waited for."""
        while True:
            try:
                async with self._database.listen(WARM, self._hear):
                    while True:
                        await self._some.wait()
                        self._some.clear()
                        waiting, self._waiting = self._waiting, set()
                        await self._markets.refresh()
                        for workspace in sorted(waiting):
                            await self.warm(workspace)
            except Unavailable as error:
                _log.debug("nothing is warmed: %s", error)
                await asyncio.sleep(AWAY_S)

    async def warm(self, workspace: str) -> None:
        """Ask of the newest Session what the dashboard will ask."""
        try:
            await self._scanning.gate(workspace, None)
            await self._scanning.breadth(workspace, None)
            for name in scanners.load():
                await self._scanning.scan(workspace, name, ScanRequest())
        except BadRequest as error:
            _log.debug("%s is not warmed: %s", workspace, error)

    def _hear(self, workspace: str) -> None:
        if workspace:
            self._waiting.add(workspace)
            self._some.set()
