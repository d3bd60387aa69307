"""What tests share: embedded servers started once, a fresh database for each test that asks, the shared data."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import settings
from serving import Server, serving
from turns import turn

from ralph.embedded.home import UNPRIVILEGED_ROOT, Home
from ralph.embedded.servers import EmbeddedServers
from ralph.store.migrate import migrate

# Tests start many processes: each would else compile all of Python's sources anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")

pytest_plugins = ("browsing",)

TEMPLATE = "ralph_template"
ROOT = Path(__file__).resolve().parent.parent
TIMESCALE_URL = os.environ.get("RALPH_TEST_TIMESCALE_URL")
"""A server with TimescaleDB, and a user who may make databases there: all tests of the store then use it."""

Result = TypeVar("Result")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test marked `alone` waits for the tests of the other processes, and they for it."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with turn(Path(item.config.option.basetemp).parent, alone=item.get_closest_marker("alone") is not None):
        return (yield)


class Running:
    """The session's servers, driven from fixtures by a loop of their own."""

    def __init__(self, home: Home) -> None:
        self._loop = asyncio.new_event_loop()
        self.servers = EmbeddedServers(home, check_interval_s=60)

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run to the end."""
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Stop the servers and the loop."""
        self.do(self.servers.stop())
        self._loop.close()

    async def make_template(self) -> None:
        """A migrated database to copy from."""
        await self.command(f"CREATE DATABASE {TEMPLATE}")
        connection = await asyncpg.connect(self.url_of(TEMPLATE))
        try:
            await migrate(connection)
        finally:
            await connection.close()

    async def command(self, *commands: str) -> None:
        """Run commands on the server's own database."""
        connection = await asyncpg.connect(TIMESCALE_URL or self.url_of("ralph"))
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()

    async def make_database(self, name: str) -> None:
        """A migrated database of that name. On TimescaleDB it is no copy: its workers hold on to a template."""
        if TIMESCALE_URL is None:
            await self.command(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            return
        await self.command(f"CREATE DATABASE {name}")
        connection = await asyncpg.connect(self.url_of(name))
        try:
            await migrate(connection)
        finally:
            await connection.close()

    def url_of(self, database: str) -> str:
        """The address of another database of the same server: of TimescaleDB's where one is given."""
        if TIMESCALE_URL is not None:
            return urlsplit(TIMESCALE_URL)._replace(path=f"/{database}").geturl()
        return self.servers.database_url.replace("@/ralph?", f"@/{database}?")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """Embedded Postgres and Redis in a home that is removed afterwards."""
    with _temporary_home() as path:
        home = Home(path)
        with home.hold("pytest"):
            session = Running(home)
            try:
                session.do(session.servers.start())
                if TIMESCALE_URL is None:
                    session.do(session.make_template())
                yield session
            finally:
                session.close()


@pytest.fixture
def home_path() -> Iterator[Path]:
    """A path for a home of the test's own, short enough for sockets; not made yet."""
    with _temporary_home() as path:
        yield path


@contextlib.contextmanager
def _temporary_home() -> Iterator[Path]:
    """A path for a home, removed with what lies outside it when Postgres ran as another user."""
    folder = Path(tempfile.mkdtemp(prefix="ralph-tests-"))
    path = folder / "home"
    there_before = UNPRIVILEGED_ROOT.exists()
    try:
        yield path
    finally:
        if (outside := path / "postgres.path").is_file():
            shutil.rmtree(outside.read_text().rstrip("\n"))
        if not there_before:
            with contextlib.suppress(OSError):
                UNPRIVILEGED_ROOT.rmdir()
        shutil.rmtree(folder)


@pytest.fixture
def database_url(running: Running) -> Iterator[str]:
    """A fresh, migrated database, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    running.do(running.make_database(name))
    yield running.url_of(name)
    running.do(running.command(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_database_url(running: Running) -> Iterator[str]:
    """A fresh database without any table, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    running.do(running.command(f"CREATE DATABASE {name}"))
    yield running.url_of(name)
    running.do(running.command(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(running: Running) -> str:
    """An empty Redis."""
    running.do(_flush(running.servers.redis_url))
    return running.servers.redis_url


async def _flush(url: str) -> None:
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(url)
    await client.flushall()
    await client.aclose()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database of its own, migrated."""
    opened = await asyncpg.connect(database_url)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared data: RALPH_SHARED_DIR, else beside the repository."""
    folder = Path(os.environ.get("RALPH_SHARED_DIR") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} is missing (set RALPH_SHARED_DIR)")
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the simulated market with the Signals of its newest Sessions, for all tests of the dashboard: they
    may save and import, but leave the bars of its workspace `demo` as they are."""
    with serving(tmp_path_factory.mktemp("simulated") / "home") as server:
        with server.client() as client:
            newest = date.fromisoformat(client.get("/api/v1/gate").json()["as_of"])
            week = {"from": str(newest - timedelta(days=7)), "to": str(newest)}
            first = client.get("/api/v1/calendar", params=week).json()["sessions"][0]["on"]
            for day in (first, str(newest)):
                client.post("/api/v1/signals/run", json={"as_of": day}).raise_for_status()
        yield server
