"""The log on its way to the vault: pg_receivewal streams it into a folder, whole and begun segments go on from there.

Each round begins with a mark, a commit of its own: once it has arrived, the vault holds everything before it, and a
database that nobody writes to can still be restored to any instant until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import logging
import signal
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from ralph.backup import segments
from ralph.backup.manifest import read_signed, sign
from ralph.backup.programs import Server, program
from ralph.backup.sealing import Opening, Sealing, hashed
from ralph.backup.taking import Place
from ralph.embedded.child import Child, last_words
from ralph.errors import BadBackup, DatabaseDown, Misconfigured, Unavailable

_log = logging.getLogger("ralph.backup")

SLOT = "ralph_backup"
LOCK = 0x52616C70684C6F67  # "RalphLog": the advisory lock of whoever ships a database's log
REACH = f"{segments.FOLDER}/reach.json"
ARRIVES_S = 20.0  # within which a mark must have come through the stream
ARRIVES_POLL_S = 0.05
STOP_STEPS = ((signal.SIGINT, 5.0), (signal.SIGKILL, 2.0))

_RESERVE = "SELECT pg_create_physical_replication_slot($1, true)"
_MARK = "SELECT pg_logical_emit_message(true, 'ralph', 'mark')"
_WHERE = "SELECT pg_current_wal_flush_lsn()::text, pg_size_bytes(current_setting('wal_segment_size'))::int, now()"
_ARRIVED = """
    SELECT r.write_lsn >= $2::text::pg_lsn
      FROM pg_stat_replication r
      JOIN pg_replication_slots s ON s.active_pid = r.pid
     WHERE s.slot_name = $1
"""


class Reach(msgspec.Struct, frozen=True):
    """Until when a vault holds the log, and when that was written."""

    until: datetime
    lsn: str


def read_reach(place: Place) -> Reach | None:
    """What the vault says; None when no log was ever shipped there."""
    if REACH not in place.vault.names(REACH):
        return None
    return msgspec.json.decode(read_signed(place.vault, REACH, place.key), type=Reach)


async def reserve_log(connection: asyncpg.Connection) -> None:
    """Have the server keep its log from now on until it is shipped. A backup taken afterwards has no hole behind it."""
    with contextlib.suppress(asyncpg.DuplicateObjectError):
        await connection.execute(_RESERVE, SLOT)


class Shipping:
    """Ships the log of one database to one vault.

    spool  a folder of this database's own, where the stream is written until it is sealed
    """

    def __init__(self, database_url: str, place: Place, spool: Path, log: Path) -> None:
        self._url = database_url
        self._server = Server.of(database_url)
        self._place = place
        self._spool = spool
        self._log = log
        self._sent: dict[str, str] = {}  # partial segments by the hash of what was sent
        self._child: Child | None = None
        self._connection: asyncpg.Connection | None = None

    async def start(self) -> None:
        """Begin to stream. Unavailable when another process ships this log; DatabaseDown, Misconfigured otherwise."""
        self._spool.mkdir(0o700, exist_ok=True)
        try:
            self._connection = await asyncpg.connect(self._url, timeout=10, command_timeout=30)
            alone = await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
            await reserve_log(self._connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseDown(f"the database cannot be reached to ship its log: {error}") from error
        if not alone:
            raise Unavailable("another process ships this database's log already")
        stream = [
            *(program("pg_receivewal", self._place.programs), "--dbname", self._server.address, "--no-password"),
            *("--directory", str(self._spool), "--slot", SLOT, "--status-interval", "1"),
        ]
        self._child = Child(stream, "own", signal.SIGINT, self._log, self._server.environment())

    async def stop(self) -> None:
        """Stop streaming; what is in the spool stays for the next start."""
        child, self._child = self._child, None
        connection, self._connection = self._connection, None
        if child is not None:
            await child.stop(STOP_STEPS)
        if connection is not None:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=5)

    async def ship(self) -> Reach:
        """One round; afterwards the vault holds everything until the instant returned.

        DatabaseDown or Unavailable: the next round makes up for it. Misconfigured: the vault holds another log.
        """
        assert self._child is not None, "not started"
        assert self._connection is not None, "not started"
        if self._child.exit_code is not None:
            raise Unavailable(f"the log is not streamed: {last_words(self._log)}")
        try:
            await self._connection.execute(_MARK)
            lsn, segment_bytes, at = await self._connection.fetchrow(_WHERE)
            await self._wait_for(lsn)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseDown(f"the database went away while its log was shipped: {error}") from error
        reach = Reach(at.astimezone(UTC), lsn)
        await asyncio.to_thread(self._send_all, segment_bytes)
        await asyncio.to_thread(sign, self._place.vault, REACH, reach, self._place.key)
        return reach

    async def _wait_for(self, lsn: str) -> None:
        assert self._connection is not None
        deadline = asyncio.get_running_loop().time() + ARRIVES_S
        while not await self._connection.fetchval(_ARRIVED, SLOT, lsn):
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(f"the log does not arrive: {last_words(self._log)}")
            await asyncio.sleep(ARRIVES_POLL_S)

    def _send_all(self, segment_bytes: int) -> None:
        # A begun segment may be completed between being seen and being read; then the whole one has to go along.
        while not self._send_once(segment_bytes):
            pass

    def _send_once(self, segment_bytes: int) -> bool:
        """Send what is in the spool; False when a file got its final name in between."""
        there = set(self._place.vault.names(f"{segments.FOLDER}/"))
        is_done = True
        for path in sorted(self._spool.iterdir()):
            segment = segments.parse_segment(path.name, segment_bytes)
            if segment is not None and segment.partial:
                is_done = self._send_begun(path) and is_done
            elif segment is not None:
                self._send_whole(path, there)
                self._sent.pop(f"{path.name}{segments.PARTIAL}", None)
                if (begun := segments.sealed_name(f"{path.name}{segments.PARTIAL}")) in there:
                    self._place.vault.remove(begun)
                path.unlink()
            elif path.suffix == ".history":
                self._send_whole(path, there)
        return is_done

    def _send_begun(self, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        digest = hashlib.sha256(content).hexdigest()
        if self._sent.get(path.name) != digest:
            name = segments.sealed_name(path.name)
            self._place.vault.put(name, Sealing(io.BytesIO(content), self._place.key, name))
            self._sent[path.name] = digest
        return True

    def _send_whole(self, path: Path, there: set[str]) -> None:
        """Send a file that no longer changes; one of its name in the vault must be the same."""
        name = segments.sealed_name(path.name)
        if name in there and self._same(path, name):
            return
        with path.open("rb") as file:
            self._place.vault.put(name, Sealing(file, self._place.key, name))

    def _same(self, path: Path, name: str) -> bool:
        with path.open("rb") as file:
            own = hashed(file)
        try:
            with self._place.vault.get(name) as sealed:
                found = hashlib.sha256(Opening(sealed, self._place.key, name).read()).hexdigest()
        except BadBackup:
            _log.error("%s in the backups is damaged; it is written again", name)
            return False
        if own != found:
            raise Misconfigured(
                f"the backups hold another log: {name} differs. Two databases cannot share one place; "
                "give this one another --to",
                field="backup.to",
            )
        return True
