"""Which of several processes leads: the one whose session holds a lock in Postgres, which dies with the process.

A process that leads goes on while Postgres is away, for then nobody else can begin to. One that was cut off for long
and comes back finds that another leads, by the lock, or that what it leads no longer listens to it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import asyncpg

from ralph.errors import Unavailable
from ralph.store.database import CONNECT_S, LOST

_log = logging.getLogger("ralph.leadership")

LOOK_S = 1.0  # how often the lock is asked for, and its holder asked whether it still holds it
ANSWER_S = 2.0
SILENT_MS = 6_000  # a session that says nothing for so long is ended by Postgres, and its lock is free
OWN_GHOST_S = 8.0  # so long may our own lost session still hold the lock

_TRY = "SELECT pg_try_advisory_lock(hashtext('ralph leader'), hashtext($1))"


class Leadership:
    """The lock of a name, in the database of a URL. Another takes over within ten seconds of its holder's end."""

    def __init__(self, database_url: str, name: str, look_s: float = LOOK_S) -> None:
        self._url = database_url
        self._name = name
        self._look_s = look_s
        self.is_leader = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Lead whenever nobody else does, for ever. lead is cancelled when another process has the lock; should it end
        by itself, or find something Unavailable, the lock is given up for a moment."""
        while True:
            connection = await self._try()
            if connection is not None:
                await self._lead(connection, lead)
            await asyncio.sleep(self._look_s)

    async def _try(self) -> asyncpg.Connection | None:
        """A session that holds the lock; None where another does, or there is no database."""
        settings = {
            "application_name": "ralph leader",
            "idle_session_timeout": str(SILENT_MS),
            "tcp_keepalives_idle": "3",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "3",
        }
        connection = None
        try:
            connection = await asyncpg.connect(self._url, timeout=CONNECT_S, server_settings=settings)
            if await connection.fetchval(_TRY, self._name, timeout=ANSWER_S):
                return connection
        except LOST as error:
            _log.debug("the lock cannot be asked for: %s", error)
        if connection is not None:
            connection.terminate()
        return None

    async def _lead(self, connection: asyncpg.Connection, lead: Callable[[], Awaitable[None]]) -> None:
        _log.info("this process leads %s", self._name)
        self.is_leader = True
        leading = asyncio.ensure_future(lead())
        try:
            await self._hold(connection, leading)
            if leading.done():
                leading.result()
        except Unavailable as error:
            _log.warning("%s is not led: %s", self._name, error)
        finally:
            self.is_leader = False
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            _log.info("this process no longer leads %s", self._name)

    async def _hold(self, connection: asyncpg.Connection, leading: asyncio.Future[None]) -> None:
        """Until the work has ended, or another process must be taken to lead."""
        held_at = time.monotonic()
        held: asyncpg.Connection | None = connection
        try:
            while not leading.done():
                await asyncio.wait((leading,), timeout=self._look_s)
                if held is None:
                    held = await self._try()
                    if held is None and time.monotonic() - held_at > OWN_GHOST_S and await self._is_reachable():
                        return
                if held is not None and await _answers(held):
                    held_at = time.monotonic()
                elif held is not None:
                    held.terminate()
                    held, held_at = None, time.monotonic()
        finally:
            if held is not None:
                held.terminate()

    async def _is_reachable(self) -> bool:
        """Whether there is a database at all: without one nobody else leads, either."""
        try:
            connection = await asyncpg.connect(self._url, timeout=CONNECT_S)
        except LOST:
            return False
        connection.terminate()
        return True


async def _answers(connection: asyncpg.Connection) -> bool:
    try:
        await connection.execute("SELECT 1", timeout=ANSWER_S)
    except LOST:
        return False
    return True
