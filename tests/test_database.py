"""The connections to Postgres and Redis: errors in Ralph's words, and back again after the server was away."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import CacheDown, DatabaseDown, Misconfigured
from ralph.store.cache import Cache
from ralph.store.database import CONNECTIONS_MAX, Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database()
    await database.connect(database_url)
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        ("postgresql://ralph:secret@127.0.0.1:1/ralph", DatabaseDown, r"127\.0\.0\.1/ralph is not reachable"),
        ("postgresql://ralph@/ralph?host=/nowhere", DatabaseDown, "its socket/ralph is not reachable"),
        ("postgresql://ralph:secret@no-such-host.invalid/ralph", DatabaseDown, "not reachable"),
        ("postgresql://ralph@[::1/ralph", Misconfigured, "RALPH_DATABASE_URL"),
        ("postgresql://ralph@127.0.0.1:port/ralph", Misconfigured, "RALPH_DATABASE_URL"),
    ],
)
async def test_a_database_that_is_not_there_is_told_without_its_password(
    url: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told) as refusal:
        await Database().connect(url)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_a_database_that_does_not_exist_on_the_server_is_for_a_person_to_mend(database_url: str) -> None:
    with pytest.raises(Misconfigured, match="check RALPH_DATABASE_URL"):
        await Database().connect(database_url.replace("@/test_", "@/no_test_"))


async def test_a_closed_database_says_so_and_can_be_closed_again(database_url: str) -> None:
    database = Database()
    await database.close()
    with pytest.raises(DatabaseDown, match="not connected"):
        await database.ping()
    await database.connect(database_url)
    await database.close()
    await database.close()


async def test_an_error_of_the_caller_stays_what_it_was(database: Database) -> None:
    with pytest.raises(FileNotFoundError):
        async with database.acquire():
            raise FileNotFoundError("prices.csv")
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.acquire() as connection:
            await connection.execute("SELECT * FROM nowhere")
    with pytest.raises(asyncpg.InterfaceError):
        async with database.acquire() as connection:
            await connection.fetch("SELECT $1::integer")
    await database.ping()


async def test_a_caller_beyond_the_limit_is_told_to_come_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ralph.store.database.ACQUIRE_S", 0.2)
    release = asyncio.Event()

    async def occupy() -> None:
        async with database.acquire():
            await release.wait()

    holders = [asyncio.create_task(occupy()) for _ in range(CONNECTIONS_MAX)]
    await asyncio.sleep(0.5)
    with pytest.raises(DatabaseDown, match="no answer in time"):
        await database.ping()
    release.set()
    await asyncio.gather(*holders)
    await database.ping()


async def test_a_connection_cut_in_the_midst_is_a_database_that_is_down_for_now(database: Database) -> None:
    async def cut_and_ask() -> None:
        async with database.acquire() as connection, database.acquire() as other:
            await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            await connection.execute("SELECT 1")

    with pytest.raises(DatabaseDown):
        await cut_and_ask()
    await database.ping()


async def test_notices_arrive_and_go_on_after_the_connection_was_cut(database: Database) -> None:
    heard: list[str] = []
    async with database.listen("changed", heard.append), database.acquire() as connection:
        await connection.execute("NOTIFY changed, 'one'")
        await until_heard(heard, ["one"])
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ralph notices'"
        )
        await until_heard(heard, ["one", ""])
        await connection.execute("NOTIFY changed, 'two'")
        await until_heard(heard, ["one", "", "two"])
    async with database.acquire() as connection:
        await connection.execute("NOTIFY changed, 'three'")
    assert heard == ["one", "", "two"]


async def until_heard(heard: list[str], expected: list[str]) -> None:
    async with asyncio.timeout(10):
        while heard != expected:  # noqa: ASYNC110  # the callback is the thing tested
            await asyncio.sleep(0.01)


async def test_the_same_connections_work_again_after_both_servers_were_killed(home_path: Path) -> None:
    home = Home(home_path)
    with home.hold("up"):
        servers = EmbeddedServers(home, check_interval_s=0.1)
        await servers.start()
        database, cache, heard = Database(), Cache(), list[str]()
        await database.connect(servers.database_url)
        await cache.connect(servers.redis_url)
        async with database.listen("changed", heard.append):
            for state in servers.states().values():
                assert state.pid is not None
                os.kill(state.pid, signal.SIGKILL)
            await until_heard(heard, [""])
        await database.ping()
        async with asyncio.timeout(10):
            while servers.states()["redis"].condition != "running":  # noqa: ASYNC110  # states are polled
                await asyncio.sleep(0.01)
        await cache.ping()
        await database.close()
        await cache.close()
        await servers.stop()


async def test_a_cache_answers_and_closes(redis_url: str) -> None:
    cache = Cache()
    await cache.close()
    with pytest.raises(CacheDown, match="not connected"):
        await cache.ping()
    await cache.connect(redis_url)
    async with cache.acquire() as client:
        await client.set("a", 1)
        assert await client.get("a") == b"1"
    await cache.close()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("redis://127.0.0.1:1/0", CacheDown),
        ("unix:///nowhere/redis.sock", CacheDown),
        ("http://127.0.0.1/", Misconfigured),
        ("redis://[::1/0", Misconfigured),
    ],
)
async def test_a_cache_that_is_not_there_is_told(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as refusal:
        await Cache().connect(url)
    assert "\n" not in str(refusal.value)
