"""The connection to Postgres: a pool, its errors in Ralph's words, and notices that survive a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import asyncpg

from ralph.errors import DatabaseDown, Misconfigured
from ralph.store.metering import Meter

_log = logging.getLogger("ralph.database")

CONNECTIONS_MAX = 12  # two of them the worker keeps; another caller waits ACQUIRE_S, then is told to come back
ACQUIRE_S = 2.0
CONNECT_S = 5.0
COMMAND_S = 60.0  # for a command without a timeout of its own
CLOSE_S = 5.0
LISTEN_RETRY_S = 0.5
LISTEN_CHECK_S = 15.0  # a network that drops silently is noticed this late

GONE = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,  # still starting
    asyncpg.InsufficientResourcesError,  # no connection, memory or disk left
    asyncpg.InternalClientError,
    asyncpg.TransactionRollbackError,  # of two that waited for each other one was chosen
)
"""Errors in the midst of work after which the same call may work later."""

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Whatever can go wrong while a connection is made, given back or asked whether it lives."""

REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ValueError,  # of the URL
)
"""Errors of a connection that only a person can mend."""


class Database:
    """Postgres by its URL. It works again by itself after the server was away."""

    def __init__(self, meter: Meter | None = None) -> None:
        self._pool: asyncpg.Pool | None = None
        self._url = ""
        self._meter = meter

    async def connect(self, url: str, command_s: float | None = COMMAND_S) -> None:
        """Open the pool and ask once. Misconfigured when the URL, user or database is wrong; DatabaseDown otherwise."""
        assert self._pool is None, "already connected"
        self._url = url
        try:
            # No floor of connections: asyncpg logs a traceback every second while it cannot restore one.
            self._pool = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=CONNECTIONS_MAX,
                timeout=CONNECT_S,
                command_timeout=command_s,
                init=self._meter.watch if self._meter is not None else None,
                server_settings={"application_name": "ralph", "timezone": "UTC"},
            )
            await self.ping()
        except BaseException:
            await self.close()
            raise

    @property
    def url(self) -> str:
        """The address it was opened with."""
        return self._url

    async def close(self) -> None:
        """Close every connection; those still in use after CLOSE_S are cut."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pool.close(), CLOSE_S)

    async def ping(self) -> None:
        """DatabaseDown unless it answers."""
        async with self.acquire() as connection:
            await connection.execute("SELECT 1")
        if self._meter is not None and self._pool is not None:
            self._meter.sized(self._pool)

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for a while. DatabaseDown when there is none, or when it breaks meanwhile."""
        pool = self._pool
        if pool is None:
            raise DatabaseDown("the database is not connected", field="database_url")
        connection = await self._take(pool)
        try:
            yield connection
        except GONE as error:
            _let_cancellation_through(error)
            raise self._down(error) from error
        except asyncpg.InterfaceError as error:
            _let_cancellation_through(error)
            if not is_gone(connection):
                raise  # our own mistake
            raise self._down(error) from error
        finally:
            await _give_back(pool, connection)

    @contextlib.asynccontextmanager
    async def listen(self, channel: str, callback: Callable[[str], None]) -> AsyncIterator[None]:
        """Call back with the payload of each notice on a channel.

        Notices are lost while the database is away; the callback then comes once, with "", when it is back.
        """
        connection = await self._open_listener(channel, callback)
        task = asyncio.create_task(self._keep_listening(connection, channel, callback), name=f"listen {channel}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _take(self, pool: asyncpg.Pool) -> asyncpg.Connection:
        asked = time.perf_counter()
        try:
            connection: asyncpg.Connection = await pool.acquire(timeout=ACQUIRE_S)
        except REFUSED as error:
            raise self._refused(error) from error
        except LOST as error:
            if self._meter is not None and isinstance(error, TimeoutError):
                self._meter.timed_out()
            raise self._down(error) from error
        if self._meter is not None:
            self._meter.waited(time.perf_counter() - asked)
        return connection

    async def _open_listener(self, channel: str, callback: Callable[[str], None]) -> asyncpg.Connection:
        """A connection of its own: the pool resets those that come back, and ten are few."""
        try:
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_S, server_settings={"application_name": "ralph notices"}
            )
            await connection.add_listener(channel, lambda *notice: callback(notice[-1]))
        except LOST as error:
            raise self._down(error) from error
        return connection

    async def _keep_listening(
        self, connection: asyncpg.Connection, channel: str, callback: Callable[[str], None]
    ) -> None:
        try:
            while True:
                await _until_closed(connection)
                connection.terminate()
                connection = await self._open_again(channel, callback)
                callback("")
        finally:
            connection.terminate()

    async def _open_again(self, channel: str, callback: Callable[[str], None]) -> asyncpg.Connection:
        while True:
            await asyncio.sleep(LISTEN_RETRY_S)
            with contextlib.suppress(DatabaseDown):
                return await self._open_listener(channel, callback)

    def _down(self, error: BaseException) -> DatabaseDown:
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return DatabaseDown(
            f"the database at {self._where()} is not reachable ({reason}); try again, and see `ralph doctor`",
            field="database_url",
        )

    def _refused(self, error: BaseException) -> Misconfigured:
        return Misconfigured(
            f"the database at {self._where()} refuses us ({error}); check RALPH_DATABASE_URL",
            field="database_url",
            accepted="postgresql://user@host/database",
        )

    def _where(self) -> str:
        """Host and database, never the password."""
        try:
            parts = urlsplit(self._url)
            return f"{parts.hostname or 'its socket'}{parts.path}"
        except ValueError:
            return "that address"


def is_gone(connection: asyncpg.Connection) -> bool:
    """Whether a connection is lost. One of the pool's can then not even be asked: the pool took it back."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _give_back(pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
    try:
        await pool.release(connection, timeout=ACQUIRE_S)
    except LOST as error:
        # What the caller did is done or was reported; the pool opens another connection next time.
        _log.warning("a connection was lost as it came back: %s", error)


async def _until_closed(connection: asyncpg.Connection) -> None:
    """Return when the connection is lost, which is asked for every LISTEN_CHECK_S in case nobody says so."""
    closed = asyncio.Event()
    connection.add_termination_listener(lambda _: closed.set())
    while not connection.is_closed():
        try:
            await asyncio.wait_for(closed.wait(), LISTEN_CHECK_S)
        except TimeoutError:
            try:
                await connection.execute("SELECT 1", timeout=CONNECT_S)
            except LOST:
                return
        else:
            return


def _let_cancellation_through(error: Exception) -> None:
    """A task cancelled in the midst of a COPY ends with asyncpg's complaint about its rollback: cancelled all the same.

    Told otherwise, whoever retries when the database is down would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
