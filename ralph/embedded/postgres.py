"""The embedded Postgres: its data folder, its command line, and whether it answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import asyncpg

from ralph.embedded.binaries import POSTGRES_MAJOR
from ralph.embedded.child import Child, Steps, last_words, stop_stray
from ralph.embedded.home import Home
from ralph.embedded.placement import Kind, Placement, kind_for, make_folders, placement
from ralph.errors import DatabaseDown, Misconfigured

PORT = 5432  # only the name of the socket; nothing listens on a network
USER = DATABASE = "ralph"
INITDB_S = 120.0
PING_S = 5.0
CLEAR_S = 10.0
CLEAR_PAUSE_S = 0.05

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg makes of a server that dies while it is asked."""

AT_CREATION = {
    "checkpoint_completion_target": "0.9",
    "checkpoint_timeout": "15min",
    "effective_cache_size": "512MB",
    "jit": "off",  # compiling costs more than our short queries take
    "log_timezone": "UTC",
    "maintenance_work_mem": "128MB",
    "max_connections": "60",
    "max_wal_size": "4GB",  # a whole history is imported between two checkpoints
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "wal_level": "replica",
}
"""Written to postgresql.conf when the data folder is made; an operator may change them there."""


class Postgres:
    """Postgres of a home. The home is held while this runs."""

    name = "postgres"
    # A fast shutdown, then one without a checkpoint (the next start recovers), then none at all.
    stop_steps: Steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 2.0))

    def __init__(self, home: Home, kind: Kind | None = None) -> None:
        self._home = home
        self._kind = kind
        self._place: Placement | None = None
        self._complete = False
        self.log = home.path / "log" / "postgres.log"

    @property
    def place(self) -> Placement:
        """Where it is; known once prepared."""
        assert self._place is not None, "not prepared"
        return self._place

    @property
    def url(self) -> str:
        """The database's address, complete, so that no PG* variable fills a gap."""
        return self._url(DATABASE)

    async def prepare(self) -> None:
        """Everything before the start: folders, leftovers of a crash, the data folder itself."""
        if self._place is None:
            self._place = await asyncio.to_thread(self._settle)
        place = self._place
        await stop_stray(place.data / "postmaster.pid", "postgres", self.stop_steps)
        self._check_data()
        if not place.data.is_dir() or not any(place.data.iterdir()):
            await self._create_data()
        (place.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)  # its writer is gone, its id may be reused

    def launch(self) -> Child:
        """Start it; it answers a little later."""
        command: list[str | Path] = [
            self.place.programs / "bin" / "postgres",
            *("-D", self.place.data),
            *("-c", "listen_addresses="),
            *("-c", f"port={PORT}"),
            *("-c", f"unix_socket_directories={_list_item(self.place.sockets)}"),
            *("-c", "unix_socket_permissions=0700"),
            *("-c", "logging_collector=off"),
        ]
        return Child(command, self.place.way, signal.SIGINT, self.log)

    async def ping(self) -> None:
        """DatabaseDown unless it answers. The first answer also finds, or makes, the database."""
        try:
            async with asyncio.timeout(PING_S):
                if not self._complete:
                    await self._make_database()
                    self._complete = True
                await self._ask(DATABASE, "SELECT 1")
        except LOST as error:
            raise DatabaseDown(f"the embedded database does not answer: {error or 'no answer in time'}") from error

    def _settle(self) -> Placement:
        place = placement(self._home, self._kind or kind_for(self._home))
        make_folders(self._home, place)
        return place

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={quote(str(self.place.sockets))}&port={PORT}"

    async def _ask(self, database: str, query: str) -> None:
        connection = await asyncpg.connect(self._url(database), timeout=PING_S)
        try:
            await connection.execute(query)
        finally:
            await connection.close(timeout=PING_S)

    async def _make_database(self) -> None:
        try:
            await self._ask(DATABASE, "SELECT 1")
        except asyncpg.InvalidCatalogNameError:
            await self._ask("postgres", f"CREATE DATABASE {DATABASE}")

    def _check_data(self) -> None:
        """Misconfigured when the data folder is not one we can run."""
        data, version = self.place.data, self.place.data / "PG_VERSION"
        if not data.is_dir():
            return
        if data.stat().st_uid != self.place.uid:
            owner = data.stat().st_uid
            raise Misconfigured(
                f"the database in {data} belongs to user {owner}; start Ralph as that user, or use another --home",
                field="home",
            )
        if not version.is_file():
            if any(data.iterdir()):
                raise Misconfigured(f"{data} holds no database but is not empty; move it away", field="home")
        elif (found := version.read_text().strip()) != str(POSTGRES_MAJOR):
            raise Misconfigured(
                f"the database in {data} is of PostgreSQL {found}, and this Ralph brings {POSTGRES_MAJOR}; "
                f"dump it with the older Ralph and restore it here",
                field="home",
            )

    async def _create_data(self) -> None:
        """Run initdb beside the data folder and move the result into place: never half a folder."""
        place = self.place
        draft = place.data.with_name("postgres.new")
        await _clear(draft)
        draft.mkdir(0o700)
        draft.chmod(0o700)
        os.chown(draft, place.uid, place.gid)
        log = self._home.path / "log" / "initdb.log"
        settings = [part for name, value in AT_CREATION.items() for part in ("--set", f"{name}={value}")]
        command: list[str | Path] = [
            *(place.programs / "bin" / "initdb", "--pgdata", draft, "--username", USER, "--auth", "trust"),
            *("--data-checksums", "--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *settings,
        ]
        process = Child(command, place.way, signal.SIGKILL, log)
        try:
            await process.wait(INITDB_S)
        finally:
            await process.stop(((signal.SIGKILL, 5.0),))
        if process.exit_code != 0:
            raise Misconfigured(f"the database cannot be made in {place.data}: {last_words(log)} ({log})", field="home")
        try:
            draft.rename(place.data)
        except OSError as error:
            raise Misconfigured(
                f"the new database cannot be moved to {place.data} ({error.strerror}); "
                "if that folder is a mount, mount the whole home instead",
                field="home",
            ) from error


async def _clear(draft: Path) -> None:
    """Remove what an interrupted creation left; its last process may still be writing there for a moment."""
    deadline = asyncio.get_running_loop().time() + CLEAR_S
    while await asyncio.to_thread(draft.exists):
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        if asyncio.get_running_loop().time() > deadline:
            raise Misconfigured(f"{draft} is left of an interrupted start; remove it", field="home")
        await asyncio.sleep(CLEAR_PAUSE_S)


def _list_item(folder: Path) -> str:
    """A folder as one item of a list setting, where commas and quotes mean something."""
    return '"' + str(folder).replace('"', '""') + '"'
