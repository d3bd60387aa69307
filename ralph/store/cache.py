"""The connection to Redis. What is kept there can be rebuilt, so its absence is waited out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from redis import exceptions
from redis.asyncio import Redis

from ralph.errors import CacheDown, Misconfigured

ANSWER_S = 2.0
CONNECTIONS_MAX = 20  # one more caller is told to come back
TRIES = 3
RETRY_PAUSE_S = 0.05  # doubled at each try


class Cache:
    """Redis by its URL (redis://, rediss://, unix://). It works again by itself after the server was away."""

    def __init__(self) -> None:
        self._client: Redis | None = None

    async def connect(self, url: str) -> None:
        """Open and ask once. Misconfigured when the URL or the password is wrong; CacheDown otherwise."""
        assert self._client is None, "already connected"
        try:
            self._client = Redis.from_url(
                url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, max_connections=CONNECTIONS_MAX
            )
            await self.ping()
        except BaseException as error:
            await self.close()
            if isinstance(error, (ValueError, exceptions.AuthenticationError)):
                raise Misconfigured(
                    f"the cache refuses us ({error}); check RALPH_REDIS_URL",
                    field="redis_url",
                    accepted="redis://host:6379/0",
                ) from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def ping(self) -> None:
        """CacheDown unless it answers. Asked again a few times: a connection may have been lost while it lay idle."""
        pause_s = RETRY_PAUSE_S
        for attempt in range(TRIES):
            try:
                async with self.acquire() as client:
                    await client.ping()
            except CacheDown:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(pause_s)
                pause_s *= 2
            else:
                return

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Redis]:
        """The client for a while. CacheDown when it cannot be reached; a caller repeats only what may be done twice."""
        if self._client is None:
            raise CacheDown("the cache is not connected", field="redis_url")
        try:
            yield self._client
        except exceptions.AuthenticationError:
            raise
        except (OSError, exceptions.ConnectionError, exceptions.TimeoutError, exceptions.OutOfMemoryError) as error:
            raise CacheDown(
                f"the cache is not reachable ({error or 'no answer in time'}); try again, and see `ralph doctor`",
                field="redis_url",
            ) from error
