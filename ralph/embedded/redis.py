"""The embedded Redis: its folder, its command line, and whether it answers."""

from __future__ import annotations

import asyncio
import os
import signal
from urllib.parse import quote

from ralph.embedded.binaries import redis_server
from ralph.embedded.child import Child, Steps, stop_stray
from ralph.embedded.home import Home
from ralph.embedded.placement import private_folder, sockets_for
from ralph.errors import CacheDown, Misconfigured

MEMORY_MAX = "256mb"  # at the limit writes are refused: what is here can be rebuilt, but must not vanish unnoticed
PING_S = 2.0


class Redis:
    """Redis of a home. The home is held while this runs."""

    name = "redis"
    stop_steps: Steps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0))

    def __init__(self, home: Home) -> None:
        self._folder = home.path / "redis"
        self._sockets = sockets_for(home)
        self._socket = self._sockets / "redis.sock"
        self.log = home.path / "log" / "redis.log"

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{quote(str(self._socket))}?db=0"

    async def prepare(self) -> None:
        """Everything before the start: folders and leftovers of a crash."""
        if not self._folder.is_dir():
            private_folder(self._folder, os.geteuid(), os.getegid())
        elif (owner := self._folder.stat().st_uid) != os.geteuid():
            raise Misconfigured(
                f"the cache's folder {self._folder} belongs to user {owner}; start Ralph as that user, "
                "or use another --home",
                field="home",
            )
        private_folder(self._sockets, os.geteuid(), os.getegid())
        await stop_stray(self._folder / "redis.pid", "redis-server", self.stop_steps)

    def launch(self) -> Child:
        """Start it; it answers a little later."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "pidfile": str(self._folder / "redis.pid"),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory": MEMORY_MAX,
            "maxmemory-policy": "noeviction",
        }
        command = [str(redis_server()), *(part for name, value in settings.items() for part in (f"--{name}", value))]
        return Child(command, "own", signal.SIGTERM, self.log)

    async def ping(self) -> None:
        """CacheDown unless it answers."""
        try:
            async with asyncio.timeout(PING_S):
                answer = await self._ask()
        except OSError as error:
            raise CacheDown(f"the embedded cache does not answer: {error or 'no answer in time'}") from error
        if answer != b"+PONG\r\n":
            raise CacheDown(f"the embedded cache is not ready: {answer.decode(errors='replace').strip()}")

    async def _ask(self) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            writer.write(b"PING\r\n")
            return await reader.readline()
        finally:
            writer.close()
