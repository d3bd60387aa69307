"""The way back: a backup becomes the database of a new home, or the content of an empty database."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import tarfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from ralph.backup import segments
from ralph.backup.manifest import LogSpan, Manifest, SealedPart, backup_ids, read_manifest
from ralph.backup.programs import Server, feed, program
from ralph.backup.sealing import CHUNK_BYTES, Opening, hashed
from ralph.backup.shipping import read_reach
from ralph.backup.taking import SETTINGS, Place, count_rows
from ralph.embedded.binaries import POSTGRES_MAJOR
from ralph.embedded.child import Child, last_words
from ralph.embedded.home import Home
from ralph.embedded.placement import Placement, kind_for, make_folders, placement
from ralph.embedded.postgres import DATABASE, PORT, USER
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import BadBackup, DataNotFound, Misconfigured, RalphError

RECOVERY_S = 6 * 3_600.0
POLL_S = 0.1
STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 2.0))
TOO_LATE = "recovery ended before configured recovery target was reached"

_IN_RECOVERY = "SELECT pg_is_in_recovery()"
_REACHED = "SELECT pg_current_wal_insert_lsn() >= $1::text::pg_lsn"
_EMPTY = "SELECT count(*) = 0 FROM pg_class WHERE relnamespace = 'public'::regnamespace"


class Restored(msgspec.Struct, frozen=True):
    """What came back. until: the instant that was asked for, else the last the log knows; rows as counted now;
    counted: as in the backup's manifest."""

    id: str
    kind: str
    until: datetime
    rows: dict[str, int]
    counted: dict[str, int]
    note: str = ""


class Chosen(msgspec.Struct, frozen=True):
    """A backup, the log that follows on it, until when they lead, and the LSN that their end must reach."""

    manifest: Manifest
    log: list[str]
    until: datetime
    at: datetime | None
    note: str = ""
    lsn: str | None = None


def choose(place: Place, backup_id: str | None = None, at: datetime | None = None) -> Chosen:
    """The backup to restore: that of the id, else the newest that was done by `at`.

    DataNotFound says what can be had when this cannot; BadBackup names what is damaged or missing.
    """
    manifest = _newest(place, at) if backup_id is None else read_manifest(place.vault, backup_id, place.key)
    if manifest.log is None:
        return _choose_dump(manifest, at)
    return _choose_log(place, manifest, manifest.log, at)


def _newest(place: Place, at: datetime | None) -> Manifest:
    """The newest backup of all, or the newest that was done by `at`."""
    ids = backup_ids(place.vault)
    if not ids:
        raise DataNotFound("there is no backup there", field="from")
    for each in reversed(ids):
        manifest = read_manifest(place.vault, each, place.key)
        if at is None or manifest.finished_at <= at:
            return manifest
    raise DataNotFound(f"no backup was done by {at}; the oldest was at {manifest.finished_at}", field="at")


def _choose_dump(manifest: Manifest, at: datetime | None) -> Chosen:
    if at is not None:
        raise DataNotFound(
            f"the backup {manifest.id} is a dump, which holds one instant, {manifest.counted_at}; leave out --at",
            field="at",
        )
    return Chosen(manifest, [], manifest.counted_at, None)


def _choose_log(place: Place, manifest: Manifest, span: LogSpan, at: datetime | None) -> Chosen:
    if at is not None and at < manifest.finished_at:
        raise DataNotFound(
            f"the backup {manifest.id} was done at {manifest.finished_at}, after {at}; leave out its id", field="at"
        )
    files = [name.removeprefix(f"{segments.FOLDER}/") for name in place.vault.names(f"{segments.FOLDER}/")]
    plain = [file.removesuffix(segments.SUFFIX) for file in files if file.endswith(segments.SUFFIX)]
    parsed = [each for file in plain if (each := segments.parse_segment(file, span.segment_bytes)) is not None]
    needed = [each for each in segments.usable(parsed) if each.number >= span.first_segment]
    following, missing = segments.unbroken(needed, span.last_segment)
    log = [each.file for each in following] + [file for file in plain if file.endswith(".history")]
    reach = read_reach(place)
    reaches_on = missing is None and reach is not None and reach.until > manifest.finished_at
    until = reach.until if reaches_on and reach is not None else manifest.finished_at
    note = ""
    if missing is not None:
        name = segments.segment_name(
            following[-1].timeline if following else span.timeline, missing, span.segment_bytes
        )
        note = f"the log has a hole: {segments.sealed_name(name)} is missing, and what follows on it is not used"
        if at is not None:
            raise BadBackup(note, field=segments.sealed_name(name))
    if at is not None and at > until:
        raise DataNotFound(f"the log ends at {until}, before {at}; leave out --at to restore to its end", field="at")
    return Chosen(manifest, log, until, at, note, reach.lsn if reaches_on and reach is not None else None)


async def restore_home(place: Place, chosen: Chosen, home: Home, say: Callable[[str], None]) -> Restored:
    """Restore into a home without a database; it is held meanwhile. What failed leaves no database behind.

    Misconfigured: there is a database; BadBackup names the damaged file; RalphError: Postgres refuses.
    """
    with home.hold("restore"):
        place_of = placement(home, kind_for(home))
        if place_of.data.exists():
            raise Misconfigured(
                f"{place_of.data} holds a database; restore into a new --home", field="home", accepted="a new folder"
            )
        if chosen.manifest.log is None:
            restored = await _restore_dump_home(place, chosen, home, say)
        else:
            restored = await _BaseRestore(place, chosen, home, place_of, say).run()
        await asyncio.to_thread(_restore_settings, place, chosen.manifest, home)
    return restored


async def restore_database(place: Place, chosen: Chosen, database_url: str, say: Callable[[str], None]) -> Restored:
    """Restore a dump into an empty database; all or nothing. Misconfigured where it is not empty, or no dump."""
    manifest = chosen.manifest
    if manifest.log is not None:
        raise Misconfigured(
            f"the backup {manifest.id} is that of a whole server; restore it into a new --home", field="id"
        )
    connection = await asyncpg.connect(database_url, timeout=10, command_timeout=RECOVERY_S)
    try:
        if not await connection.fetchval(_EMPTY):
            raise Misconfigured("the database holds tables already; restore into an empty one", field="to_database")
        say(f"restoring {manifest.id} of {manifest.counted_at}")
        part = next(part for part in manifest.parts if part.name.endswith("/dump.pgdump.sealed"))
        await asyncio.to_thread(_feed_dump, place, part, Server.of(database_url))
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await count_rows(connection)
    finally:
        await connection.close(timeout=10)
    if rows != manifest.rows:
        raise BadBackup(f"the rows restored from {part.name} are not those that were counted", field=part.name)
    return Restored(manifest.id, "dump", manifest.counted_at, rows, manifest.rows)


async def _restore_dump_home(place: Place, chosen: Chosen, home: Home, say: Callable[[str], None]) -> Restored:
    servers = EmbeddedServers(home)
    await servers.start(redis=False)
    try:
        restored = await restore_database(place, chosen, servers.database_url, say)
    except BaseException:
        await servers.stop()
        data = placement(home, kind_for(home)).data
        await asyncio.to_thread(shutil.rmtree, data)
        raise
    await servers.stop()
    return restored


def _feed_dump(place: Place, part: SealedPart, server: Server) -> None:
    command = [
        *(program("pg_restore", place.programs), "--dbname", server.address, "--no-password"),
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-acl"),
    ]
    with place.vault.get(part.name) as sealed:
        feed(command, server, Opening(sealed, place.key, part.name))  # type: ignore[arg-type]


def _restore_settings(place: Place, manifest: Manifest, home: Home) -> None:
    """Write the settings that went along, where the new home has none of that name."""
    for part in manifest.parts:
        if part.name.endswith("/home.tar.sealed"):
            with place.vault.get(part.name) as sealed:
                _unpack(Opening(sealed, place.key, part.name), home.path, part.name, only=SETTINGS)


class _BaseRestore:
    """A base backup with its log, made a database beside its final place, then moved there."""

    def __init__(self, place: Place, chosen: Chosen, home: Home, target: Placement, say: Callable[[str], None]) -> None:
        self._place = place
        self._chosen = chosen
        self._home = home
        self._target = target
        self._say = say
        self._draft = target.data.with_name("postgres.restored")
        self._wal = target.data.with_name("postgres.wal")
        self._log = home.path / "log" / "restore.log"

    async def run(self) -> Restored:
        manifest = self._chosen.manifest
        if manifest.postgres != POSTGRES_MAJOR:
            raise Misconfigured(
                f"the backup {manifest.id} is of PostgreSQL {manifest.postgres}, and this Ralph brings "
                f"{POSTGRES_MAJOR}; restore it with the Ralph it was made by",
                field="id",
            )
        await asyncio.to_thread(make_folders, self._home, self._target)
        try:
            self._say(f"unpacking {manifest.id} ({manifest.sealed_bytes / 1e6:,.1f} MB sealed)")
            await asyncio.to_thread(self._unpack_base)
            await asyncio.to_thread(self._unpack_log)
            self._say(f"replaying {len(self._chosen.log)} files of the log")
            rows = await self._recover()
            self._draft.rename(self._target.data)
        finally:
            for folder in (self._draft, self._wal):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        until = self._chosen.at or self._chosen.until
        return Restored(manifest.id, "base", until, rows, manifest.rows, self._chosen.note)

    def _unpack_base(self) -> None:
        for folder in (self._draft, self._wal):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(0o700)
        part = next(part for part in self._chosen.manifest.parts if part.name.endswith("/base.tar.sealed"))
        with self._place.vault.get(part.name) as sealed:
            _unpack(Opening(sealed, self._place.key, part.name), self._draft, part.name)
        _check_files(self._draft, part.name)
        (self._draft / "recovery.signal").touch(0o600)

    def _unpack_log(self) -> None:
        for file in self._chosen.log:
            name = segments.sealed_name(file)
            with (
                self._place.vault.get(name) as sealed,
                (self._wal / file.removesuffix(segments.PARTIAL)).open("wb") as plain,
            ):
                shutil.copyfileobj(Opening(sealed, self._place.key, name), plain, CHUNK_BYTES)
        for top in (self._draft, self._wal):
            if top.stat().st_uid != self._target.uid:
                for path in (top, *top.rglob("*")):
                    os.chown(path, self._target.uid, self._target.gid)

    async def _recover(self) -> dict[str, int]:
        to_the_end = self._chosen.at is None
        server = self._launch(self._chosen.at)
        try:
            if not await self._promoted(server):
                # The log holds no commit after that instant, though it reaches beyond it: its end is that state.
                to_the_end = True
                server = self._launch(None)
                if not await self._promoted(server):
                    raise RalphError(f"the log cannot be replayed: {last_words(self._log)}")
            connection = await self._connect()
            try:
                if to_the_end:
                    await self._check_end(connection)
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    rows = await count_rows(connection)
                await connection.execute("CHECKPOINT")
            finally:
                await connection.close(timeout=10)
        finally:
            await server.stop(STOP_STEPS)
        return rows

    async def _check_end(self, connection: asyncpg.Connection) -> None:
        """BadBackup when the log ended before the point it was said to reach: a timeline's files are missing."""
        lsn = self._chosen.lsn
        if lsn is not None and not await connection.fetchval(_REACHED, lsn):
            raise BadBackup(
                f"the log was replayed, but ends before {lsn}, which it is said to reach: files of it are missing",
                field=segments.FOLDER,
            )

    def _launch(self, at: datetime | None) -> Child:
        fetch = f"cp {shlex.quote(str(self._wal)).replace('%', '%%')}/%f %p"
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{self._target.sockets}"',
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "archive_mode": "off",
            "restore_command": fetch,
            "recovery_target_timeline": "latest",
            "recovery_target_action": "promote",
        } | ({"recovery_target_time": at.isoformat()} if at is not None else {})
        command: list[str | Path] = [self._target.programs / "bin" / "postgres", "-D", self._draft]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Child(command, self._target.way, signal.SIGINT, self._log)

    async def _promoted(self, server: Child) -> bool:
        """True once it is a database of its own; False when the log ends before the instant asked for."""
        deadline = asyncio.get_running_loop().time() + RECOVERY_S
        while asyncio.get_running_loop().time() < deadline:
            if server.exit_code is not None:
                words = self._log.read_text(errors="replace")[-4_000:]
                if TOO_LATE in words and self._chosen.at is not None:
                    return False
                raise RalphError(f"the backup {self._chosen.manifest.id} does not start: {last_words(self._log)}")
            try:
                connection = await self._connect()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(POLL_S)
                continue
            try:
                if not await connection.fetchval(_IN_RECOVERY):
                    return True
            finally:
                await connection.close(timeout=10)
            await asyncio.sleep(POLL_S)
        await server.stop(STOP_STEPS)
        raise RalphError(f"the log was not replayed within {RECOVERY_S / 3_600:.0f} h: {last_words(self._log)}")

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self._target.sockets), port=PORT, user=USER, database=DATABASE, timeout=5, command_timeout=3_600
        )


def _unpack(source: Opening, folder: Path, name: str, only: tuple[str, ...] | None = None) -> None:
    """Unpack a tar into a folder: plain files and folders below it, nothing else; existing files stay."""
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for member in archive:
                path = (folder / member.name).resolve()
                if not path.is_relative_to(folder.resolve()) or not (member.isfile() or member.isdir()):
                    raise BadBackup(f"{name} holds {member.name}, which is no file below its folder", field=name)
                if member.isdir():
                    path.mkdir(0o700, parents=True, exist_ok=True)
                elif (only is None or member.name in only) and not path.exists():
                    _write(archive, member, path)
    except tarfile.TarError as error:
        raise BadBackup(f"{name} is damaged: {error}", field=name) from error


def _check_files(folder: Path, name: str) -> None:
    """Compare an unpacked base backup with the list of its files that Postgres made; BadBackup names the first that
    is missing or different."""
    listed = msgspec.json.decode((folder / "backup_manifest").read_bytes())
    for each in listed["Files"]:
        path = folder / each["Path"]
        try:
            with path.open("rb") as file:
                is_same = hashed(file) == each["Checksum"]
        except OSError:
            is_same = False
        if not is_same:
            raise BadBackup(f"{name} is damaged: {each['Path']} is not what was backed up", field=name)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    assert content is not None, "a plain file has content"
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    with content, path.open("xb") as file:
        path.chmod(0o600)
        shutil.copyfileobj(content, file, CHUNK_BYTES)
