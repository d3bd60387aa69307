"""Embedded servers: started where they belong, shared between commands, and gone with the one who started them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from ralph.embedded import placement
from ralph.embedded.child import stop_stray
from ralph.embedded.home import Home
from ralph.embedded.placement import SOCKET_PATH_MAX, kind_for, sockets_for
from ralph.embedded.servers import EmbeddedServers, describe, reach_servers
from ralph.errors import HomeInUse, Misconfigured
from ralph.store.cache import Cache
from ralph.store.database import Database

pytestmark = pytest.mark.anyio

ROOT = os.geteuid() == 0
HOMES = {
    "plain": "home",
    "spaces, comma, quotes": "my home, 'really' \"mine\" 100% #1?",
    "Korean": "주식 분석",
    "long": "-".join(["a-very-long-name"] * 12),
}


def processes_in(folder: Path) -> list[int]:
    """Ids of the living processes whose working folder is this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").samefile(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("name", HOMES.values(), ids=HOMES.keys())
async def test_servers_serve_from_any_path_and_end_when_stopped(home_path: Path, name: str) -> None:
    home = Home(home_path / name)
    with home.hold("up"):
        servers = EmbeddedServers(home)
        await servers.start()
        database, cache = Database(), Cache()
        await database.connect(servers.database_url)
        await cache.connect(servers.redis_url)
        assert home.servers() is not None
        assert {state.condition for state in servers.states().values()} == {"running"}
        assert len(os.fsencode(sockets_for(home) / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
        folders = [home.path / "redis", data_folder(home)]
        assert all(processes_in(folder) for folder in folders)
        await database.close()
        await cache.close()
        await servers.stop()
        assert not any(processes_in(folder) for folder in folders)
        assert home.servers() is None


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def set_mode(path: Path, bits: int) -> None:
    path.chmod(bits)


def data_folder(home: Home) -> Path:
    return placement.placement(home, kind_for(home)).data


async def test_the_database_is_durable_checked_and_reached_by_socket_only(running: object, database_url: str) -> None:
    shown = {}
    for setting in ("fsync", "synchronous_commit", "data_checksums", "listen_addresses", "timezone", "wal_level"):
        shown[setting] = await ask(database_url, f"SHOW {setting}")
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "timezone": "UTC",
        "wal_level": "replica",
    }
    assert await ask(database_url, "SELECT lower('Ä') || upper('é')") == "äÉ"
    assert await ask(database_url, "SELECT 'Z' < 'a' AND '가' < '나'")


async def test_every_folder_is_private_and_those_already_there_keep_their_permissions(home_path: Path) -> None:
    home = Home(home_path)
    home.create()
    set_mode(home_path.parent, 0o711)
    set_mode(home_path, 0o755)
    with home.hold("up"):
        servers = EmbeddedServers(home)
        await servers.start()
        await servers.stop()
    assert (mode(home_path.parent), mode(home_path)) == (0o711, 0o755)
    folders = [home_path / "redis", home_path / "log", sockets_for(home), data_folder(home)]
    assert [mode(folder) for folder in folders] == [0o700] * 4


async def test_a_command_without_a_server_starts_its_own_and_another_waits_for_it(home_path: Path) -> None:
    first_up, waited = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with reach_servers(Home(home_path), "import", redis=True) as addresses:
            assert addresses.database_url is not None
            assert addresses.redis_url is not None
            await ask(addresses.database_url, "CREATE TABLE done ()")
            first_up.set()
            await waited.wait()

    async def second() -> object:
        await first_up.wait()
        async with reach_servers(Home(home_path), "symbols", on_wait=lambda holder: waited.set()) as addresses:
            assert addresses.redis_url is None
            return await ask(str(addresses.database_url), "SELECT to_regclass('done') IS NOT NULL")

    _, seen = await asyncio.gather(first(), second())
    assert seen is True
    assert processes_in(data_folder(Home(home_path))) == []


async def test_a_command_uses_the_servers_of_a_running_ralph_and_leaves_them_running(home_path: Path) -> None:
    home = Home(home_path)
    with home.hold("up"):
        servers = EmbeddedServers(home)
        await servers.start(redis=False)
        async with reach_servers(Home(home_path), "import") as addresses:
            assert (addresses.database_url, addresses.redis_url) == (servers.database_url, None)
        assert await ask(servers.database_url, "SELECT 1") == 1
        await servers.stop()


async def test_an_error_of_the_command_leaves_as_itself_and_frees_the_home(home_path: Path) -> None:
    with pytest.raises(HomeInUse, match="mine"):
        async with reach_servers(Home(home_path), "import"):
            raise HomeInUse("mine")
    assert Home(home_path).holder() is None


@pytest.mark.skipif(not ROOT, reason="only root can give a folder away")
@pytest.mark.parametrize("folder", ["postgres", "redis", "run"])
async def test_a_folder_of_another_user_is_refused(home_path: Path, folder: str) -> None:
    home = Home(home_path)
    home.create()
    if kind_for(home) != "namespace":
        pytest.skip("user namespaces are forbidden here: Postgres has its folders elsewhere")
    home.folder(folder)
    os.chown(home_path / folder, 12_345, 12_345)
    with home.hold("up"), pytest.raises(Misconfigured, match=f"{folder}.*(belongs to|only root)"):
        await EmbeddedServers(home).start()
    assert (home_path / folder).stat().st_uid == 12_345


@pytest.mark.parametrize(("name", "content"), [("PG_VERSION", "16\n"), ("notes.txt", "hello")])
async def test_a_data_folder_we_cannot_run_is_refused_and_left_alone(home_path: Path, name: str, content: str) -> None:
    home = Home(home_path)
    home.create()
    data = data_folder(home)
    if data.parent != home_path:
        pytest.skip("user namespaces are forbidden here: Postgres has its folders elsewhere")
    home.folder("postgres")
    (data / name).write_text(content)
    with home.hold("up"), pytest.raises(Misconfigured, match=r"PostgreSQL 16|not empty"):
        await EmbeddedServers(home).start()
    assert [path.name for path in data.iterdir()] == [name]


async def test_a_process_id_reused_by_a_stranger_is_not_stopped(home_path: Path) -> None:
    Home(home_path).create()
    pid_file = home_path / "postmaster.pid"
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    pid_file.write_text(f"{stranger.pid}\n{home_path}\n")
    await stop_stray(pid_file, "postgres", EmbeddedServers(Home(home_path))._postgres.stop_steps)
    assert stranger.returncode is None
    assert not pid_file.exists()
    stranger.kill()
    await stranger.wait()


def test_ralph_says_how_and_where_postgres_runs(home_path: Path) -> None:
    home = Home(home_path)
    said = describe(home)
    assert str(data_folder(home)) in said
    assert ("user namespace" in said) == (kind_for(home) != "own")
    assert not home_path.exists()
