"""Both embedded servers of a home, for a process that holds it, or borrowed from the one that does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from ralph.embedded.home import Addresses, Holder, Home
from ralph.embedded.placement import Kind, kind_for, placement, sockets_for
from ralph.embedded.postgres import Postgres
from ralph.embedded.redis import Redis
from ralph.embedded.supervisor import ServerState, Supervisor
from ralph.errors import HomeInUse

SERVING = frozenset({"up", "serve"})
"""Purposes whose servers stay; the servers of any other command end with it and are not shared."""

WAIT_S = 60.0
WAIT_POLL_S = 0.1


class EmbeddedServers:
    """Postgres and Redis under a home, supervised. Start them in the main thread, while the home is held.

    kind: how root starts Postgres ("namespace" or "user"); by itself it takes what works
    """

    def __init__(self, home: Home, *, check_interval_s: float = 1.0, kind: Kind | None = None) -> None:
        self._home = home
        self._postgres = Postgres(home, kind)
        self._redis = Redis(home)
        self._check_interval_s = check_interval_s
        self._running: dict[str, Supervisor] = {}

    @property
    def database_url(self) -> str:
        """Where Postgres answers, once started."""
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """Where Redis answers."""
        return self._redis.url

    def states(self) -> dict[str, ServerState]:
        """How each started server is, by name."""
        return {name: supervisor.state for name, supervisor in self._running.items()}

    async def start(self, *, postgres: bool = True, redis: bool = True) -> None:
        """Start the servers asked for; all or none. Misconfigured says what keeps one from starting."""
        assert self._home.held, "hold the home before its servers are started"
        chosen = [server for server, wanted in ((self._postgres, postgres), (self._redis, redis)) if wanted]
        self._running = {server.name: Supervisor(server, self._check_interval_s) for server in chosen}
        try:
            async with asyncio.TaskGroup() as group:
                for supervisor in self._running.values():
                    group.create_task(supervisor.start())
        except BaseExceptionGroup as failures:
            await self.stop()
            raise failures.exceptions[0] from None
        except asyncio.CancelledError:
            await self.stop()
            raise
        self._home.publish_servers(
            Addresses(self.database_url if postgres else None, self.redis_url if redis else None)
        )

    async def stop(self) -> None:
        """Stop them; they have ended when this returns."""
        self._home.forget_servers()
        async with asyncio.TaskGroup() as group:
            for supervisor in self._running.values():
                group.create_task(supervisor.stop())
        if (sockets := sockets_for(self._home)).parent != self._home.path:
            with contextlib.suppress(OSError):  # missing, or in use
                sockets.rmdir()

    def describe(self) -> str:
        """For `ralph doctor`: as whom Postgres runs or would run, and where."""
        return describe(self._home)


def describe(home: Home) -> str:
    """As whom Postgres of this home runs or would run, and where."""
    return placement(home, kind_for(home)).describe()


@contextlib.asynccontextmanager
async def reach_servers(
    home: Home, purpose: str, *, redis: bool = False, on_wait: Callable[[Holder | None], None] = lambda holder: None
) -> AsyncIterator[Addresses]:
    """The servers of a home for one command: those of the running Ralph, else its own for as long as it takes.

    purpose  the command, such as "import"
    redis    whether the command needs Redis too
    on_wait  called once when another command must finish first; HomeInUse when it has not after WAIT_S
    """
    deadline = asyncio.get_running_loop().time() + WAIT_S
    noticed = False
    with contextlib.ExitStack() as held:
        while True:
            holder = home.holder()
            if holder is not None and holder.purpose in SERVING and (addresses := home.servers()) is not None:
                yield addresses
                return
            try:
                held.enter_context(home.hold(purpose))
                break
            except HomeInUse:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            if not noticed:
                noticed = True
                on_wait(holder)
            await asyncio.sleep(WAIT_POLL_S)
        servers = EmbeddedServers(home)
        try:
            await servers.start(redis=redis)
            yield Addresses(servers.database_url, servers.redis_url if redis else None)
        finally:
            await servers.stop()
