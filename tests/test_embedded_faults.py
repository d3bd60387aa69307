"""Embedded servers under fire: killed, frozen, orphaned, interrupted; nothing acknowledged is lost, nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from ralph.embedded import home as home_module
from ralph.embedded.child import Child
from ralph.embedded.home import Home
from ralph.embedded.placement import Kind, kind_for, placement
from ralph.embedded.redis import Redis
from ralph.embedded.servers import EmbeddedServers
from ralph.embedded.supervisor import Supervisor
from ralph.errors import Misconfigured, Unavailable
from ralph.store.cache import Cache
from ralph.store.database import Database

pytestmark = pytest.mark.anyio

BACK_S = 10.0
ROOT = os.geteuid() == 0

OWNER = """
import asyncio, json, sys
from pathlib import Path
from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers

async def main():
    home = Home(Path(sys.argv[1]))
    with home.hold("up"):
        servers = EmbeddedServers(home, kind=sys.argv[2] or None)
        await servers.start()
        pids = [state.pid for state in servers.states().values()]
        print(json.dumps({"pids": pids, "database_url": servers.database_url}), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def started(path: Path, kind: Kind | None = None) -> AsyncIterator[EmbeddedServers]:
    home = Home(path)
    with home.hold("up"):
        servers = EmbeddedServers(home, check_interval_s=0.1, kind=kind)
        try:
            await servers.start()
            yield servers
        finally:
            await servers.stop()


async def until(holds: Callable[[], bool], within_s: float = BACK_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  # other processes set no event
            await asyncio.sleep(0.01)


def owning(path: Path, kind: str = "") -> subprocess.Popen[bytes]:
    """A process that holds the home and runs its servers."""
    return subprocess.Popen([sys.executable, "-c", OWNER, str(path), kind], stdout=subprocess.PIPE)


def running_again(servers: EmbeddedServers, name: str, restarts: int) -> bool:
    state = servers.states()[name]
    return state.restarts >= restarts and state.condition == "running"


def longer(items: list[int], than: int) -> bool:
    return len(items) > than


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pid_of(servers: EmbeddedServers, name: str) -> int:
    pid = servers.states()[name].pid
    assert pid is not None
    return pid


async def insert_until(database: Database, stop: asyncio.Event, acked: list[int]) -> None:
    """Insert numbers one by one; remember those whose commit was acknowledged."""
    number = 0
    while not stop.is_set():
        number += 1
        try:
            async with database.acquire() as connection:
                await connection.execute("INSERT INTO numbers VALUES ($1)", number)
        except Unavailable:
            await asyncio.sleep(0.01)
        else:
            acked.append(number)


async def check_kills(path: Path, count: int) -> None:
    """Kill Postgres again and again under inserts; every acknowledged one is there, once."""
    chance = random.Random(7)
    async with started(path) as servers:
        database = Database()
        await database.connect(servers.database_url)
        async with database.acquire() as connection:
            await connection.execute("CREATE TABLE numbers (number integer PRIMARY KEY)")
        acked: list[int] = []
        stop = asyncio.Event()
        inserting = asyncio.create_task(insert_until(database, stop, acked))
        for restarts in range(1, count + 1):
            await until(partial(longer, acked, len(acked) + 10))
            await asyncio.sleep(chance.random() / 10)
            os.kill(pid_of(servers, "postgres"), signal.SIGKILL)
            # Killed in quick succession it waits up to 5 s before each start, so as not to spin.
            await until(partial(running_again, servers, "postgres", restarts), BACK_S if restarts <= 3 else 3 * BACK_S)
            await database.ping()
        stop.set()
        await inserting
        async with database.acquire() as connection:
            stored = [row[0] for row in await connection.fetch("SELECT number FROM numbers")]
        await database.close()
    assert set(acked) <= set(stored)
    assert len(stored) == len(set(stored))


async def test_a_killed_postgres_is_back_within_ten_seconds_with_all_that_was_acknowledged(home_path: Path) -> None:
    await check_kills(home_path, 2)


@pytest.mark.long
async def test_postgres_killed_a_hundred_times_loses_nothing_acknowledged(home_path: Path) -> None:
    await check_kills(home_path, 100)


async def test_a_killed_redis_is_back_within_ten_seconds_with_what_it_had_written(home_path: Path) -> None:
    async with started(home_path) as servers:
        cache = Cache()
        await cache.connect(servers.redis_url)
        async with cache.acquire() as client:
            await client.set("kept", "yes")
        await asyncio.sleep(1.1)  # what is a second old is on the disk
        pid = pid_of(servers, "redis")
        os.kill(pid, signal.SIGKILL)
        await until(partial(running_again, servers, "redis", 1))
        assert pid_of(servers, "redis") != pid
        await cache.ping()
        async with cache.acquire() as client:
            assert await client.get("kept") == b"yes"
        await cache.close()


@pytest.mark.parametrize(
    "kind", ["", pytest.param("user", marks=pytest.mark.skipif(not ROOT, reason="only root changes the user"))]
)
async def test_when_ralph_is_killed_no_server_is_left_and_the_next_start_works(home_path: Path, kind: str) -> None:
    skip_unless_passable(kind)
    with owning(home_path, kind) as owner:
        assert owner.stdout is not None
        told = json.loads(owner.stdout.readline())
        database = Database()
        await database.connect(told["database_url"])
        async with database.acquire() as connection:
            await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            everyone = [row[0] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]
            owner.kill()
        await database.close()
    await until(lambda: not any(alive(pid) for pid in (*told["pids"], *everyone)))
    async with started(home_path) as servers:
        await database.connect(servers.database_url)
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT one FROM kept") == 1
        await database.close()


async def test_ralph_killed_and_started_at_once_gets_its_home_back(home_path: Path) -> None:
    for _ in range(3):
        with owning(home_path) as owner:
            assert owner.stdout is not None
            assert json.loads(owner.stdout.readline())["pids"]
            owner.kill()
    async with started(home_path) as servers:
        assert servers.states()["postgres"].condition == "running"


async def test_a_postgres_left_running_by_an_earlier_ralph_is_stopped_first(home_path: Path) -> None:
    async with started(home_path):
        pass
    home = Home(home_path)
    place = placement(home, kind_for(home))
    socket = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={place.sockets}"]
    command: list[str | Path] = [place.programs / "bin" / "postgres", "-D", place.data, *socket]
    stray = Child(command, place.way, signal.SIGINT, home_path / "log" / "stray.log")
    await until(lambda: (place.data / "postmaster.pid").exists())
    async with started(home_path) as servers:
        assert stray.exit_code is not None
        assert pid_of(servers, "postgres") != stray.pid


async def test_an_interrupted_creation_leaves_no_half_database(home_path: Path) -> None:
    home = Home(home_path)
    draft = placement(home, kind_for(home)).data.with_name("postgres.new")
    for reached in ("PG_VERSION", "global/pg_control"):
        with owning(home_path) as owner:
            await until(partial(Path.exists, draft / reached))
            owner.kill()
        assert not draft.with_name("postgres").exists()
    async with started(home_path) as servers:
        assert servers.states()["postgres"].condition == "running"
        assert not draft.exists()


async def test_a_frozen_server_is_silent_and_at_last_replaced(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ralph.embedded.redis.PING_S", 0.2)
    monkeypatch.setattr(Redis, "stop_steps", ((signal.SIGTERM, 0.2), (signal.SIGKILL, 2.0)))
    home = Home(home_path)
    with home.hold("up"):
        supervisor = Supervisor(Redis(home), check_interval_s=0.05, hung_after_s=0.5)
        await supervisor.start()
        frozen = supervisor.state.pid
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        await until(lambda: supervisor.state.condition == "silent")
        await until(lambda: supervisor.state.restarts == 1, within_s=20)
        await until(lambda: supervisor.state.condition == "running")
        assert not alive(frozen)
        await supervisor.stop()


async def test_a_surprise_while_looking_after_a_server_does_not_end_the_watch(
    home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(home_path)
    with home.hold("up"):
        supervisor = Supervisor(Redis(home), check_interval_s=0.05)
        await supervisor.start()
        with monkeypatch.context() as patch:
            patch.setattr(Redis, "ping", surprised := Surprise())
            await until(lambda: surprised.asked > 1)
        assert supervisor.state.pid is not None
        os.kill(supervisor.state.pid, signal.SIGKILL)
        await until(lambda: supervisor.state.restarts == 1 and supervisor.state.condition == "running")
        await supervisor.stop()


class Surprise:
    """A question that fails in a way nobody named."""

    asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        raise RuntimeError("surprise")


async def test_servers_that_cannot_start_say_their_own_last_words_and_leave_nobody(
    home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ralph.embedded.supervisor.RETRY_S", 0.1)
    async with started(home_path):
        pass
    home = Home(home_path)
    data = placement(home, kind_for(home)).data
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(Misconfigured, match=r"no_such_setting|contains errors"):
        async with started(home_path):
            pass
    await until(lambda: not any(works_in(home_path / "redis", entry) for entry in Path("/proc").iterdir()))


def works_in(folder: Path, entry: Path) -> bool:
    try:
        return entry.name.isdigit() and (entry / "cwd").samefile(folder)
    except OSError:
        return False


@pytest.mark.skipif(not ROOT, reason="only root changes the user")
async def test_where_namespaces_are_forbidden_root_runs_it_as_another_user(
    home_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_unless_passable("user")
    monkeypatch.setattr("ralph.embedded.placement.namespaces_work", lambda: False)
    home = Home(home_path)
    for _ in range(2):
        async with started(home_path) as servers:
            assert "because user namespaces are forbidden" in servers.describe()
            assert owner_of(pid_of(servers, "postgres")) == placement(home, "user").uid != 0
    named = Path((home_path / "postgres.path").read_text().strip())
    assert named.parent == home_module.UNPRIVILEGED_ROOT
    assert len(named.name) == 12
    assert not (home_path / "postgres").exists()
    shutil.rmtree(named)
    with pytest.raises(Misconfigured, match="which is missing"):
        async with started(home_path):
            pass
    (home_path / "postgres.path").unlink()


@pytest.mark.skipif(not ROOT, reason="only root changes the user")
async def test_the_way_a_home_was_begun_is_kept(home_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_unless_passable("user")
    async with started(home_path, "user"):
        pass
    assert kind_for(Home(home_path)) == "user"


@pytest.mark.alone
def test_stopping_takes_a_bounded_time_even_when_a_client_stays(home_path: Path) -> None:
    async def work() -> float:
        async with started(home_path) as servers:
            database = Database()
            await database.connect(servers.database_url)
            async with database.acquire() as connection:
                await connection.execute("BEGIN")
                begun = time.monotonic()
                await servers.stop()
            await database.close()
            return time.monotonic() - begun

    assert asyncio.run(work()) < 20


def skip_unless_passable(kind: str) -> None:
    folder = home_module.UNPRIVILEGED_ROOT
    if kind == "user" and folder.exists() and not folder.stat().st_mode & 0o001:
        pytest.skip(f"{folder} is closed to other users on this machine")
