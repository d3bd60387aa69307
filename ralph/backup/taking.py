"""Taking a backup: a base of the whole cluster where the server is Postgres of Ralph's own version, else a dump."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import secrets
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from ralph import __version__
from ralph.backup import segments
from ralph.backup.keeping import id_of, instant_of, kept
from ralph.backup.manifest import (
    FOLDER,
    Kind,
    LogSpan,
    Manifest,
    SealedPart,
    backup_ids,
    manifest_name,
    read_manifest,
    sign,
)
from ralph.backup.programs import Server, answering, program
from ralph.backup.sealing import BackupKey, Sealing, Source
from ralph.backup.vault import Vault
from ralph.embedded.binaries import POSTGRES_MAJOR
from ralph.errors import DatabaseDown, RalphError

COUNT_S = 3_600.0
LEFTOVER_S = 86_400.0  # files without a manifest are those of an interrupted backup after this long
SETTINGS = ("ralph.toml", "calendar.toml")
"""Files of a home that go along. Keys do not: a backup that falls into other hands must not hold them."""

_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND n.nspname <> 'information_schema' AND n.nspname !~ '^(pg_|_?timescaledb)'
  ORDER BY 1
"""
_SCHEMA = "SELECT name FROM schema_migrations ORDER BY version DESC LIMIT 1"
_SERVER = """
    SELECT current_setting('server_version_num')::int / 10000 AS major,
           (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user) AS may_replicate,
           pg_size_bytes(current_setting('wal_segment_size'))::int AS segment_bytes
"""
_HOLD = "SELECT pg_create_physical_replication_slot($1, true, true)"
_SPAN = re.compile(r"write-ahead log (start|end) point: ([0-9A-F]+/[0-9A-F]+)(?: on timeline (\d+))?")


@dataclass(frozen=True)
class Place:
    """Where backups go and how: the vault, its key, and how many of them stay."""

    vault: Vault
    key: BackupKey
    daily: int = 30
    weekly: int = 12
    programs: Path | None = None


async def take(database_url: str, place: Place, home: Path | None = None, kind: Kind | None = None) -> Manifest:
    """Take a backup, then remove those that are too old.

    home  whose settings go along; kind: by itself, what the server allows
    DatabaseDown when the server is away, Unavailable when the vault or a program fails: then nothing is kept of it.
    """
    try:
        connection = await asyncpg.connect(database_url, timeout=10, command_timeout=COUNT_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseDown(f"the database cannot be reached for a backup: {error}") from error
    try:
        server = await connection.fetchrow(_SERVER)
        taking = _Taking(place, Server.of(database_url), connection, home)
        chosen: Kind = kind or ("base" if await may_copy(connection) else "dump")
        manifest = await (taking.base(server) if chosen == "base" else taking.dump(server))
    finally:
        await connection.close(timeout=10)
    await asyncio.to_thread(prune, place)
    return manifest


async def may_copy(connection: asyncpg.Connection) -> bool:
    """Whether this server can be copied as a whole: of Ralph's own version, by a role that may replicate."""
    server = await connection.fetchrow(_SERVER)
    return bool(server["major"] == POSTGRES_MAJOR and server["may_replicate"])


async def count_rows(connection: asyncpg.Connection) -> dict[str, int]:
    """Rows of every table of the database, in the snapshot of the transaction."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608  # quoted


class _Taking:
    """One backup on its way."""

    def __init__(self, place: Place, server: Server, connection: asyncpg.Connection, home: Path | None) -> None:
        self._place = place
        self._server = server
        self._connection = connection
        self._home = home
        self._started_at = datetime.now(UTC)
        while (backup_id := id_of(self._started_at)) in backup_ids(place.vault):
            self._started_at += timedelta(seconds=1)  # an id is a second, and two are never taken for one
        self._id = backup_id

    async def base(self, server: asyncpg.Record) -> Manifest:
        """A copy of all files with the log that makes them one, as pg_basebackup streams it."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            rows, counted_at, schema = await self._counted()
        # A slot of this connection keeps the log until the copy has fetched it.
        await self._connection.execute(_HOLD, f"ralph_base_{secrets.token_hex(4)}")
        command = [
            *(program("pg_basebackup", self._place.programs), "--dbname", self._server.address, "--no-password"),
            *("--pgdata", "-", "--format", "tar", "--wal-method", "fetch", "--checkpoint", "fast", "--verbose"),
            *("--manifest-checksums", "SHA256"),
            *("--label", f"ralph {self._id}"),
        ]
        part, said = await asyncio.to_thread(self._seal_answer, command, "base.tar")
        span = _span(said, server["segment_bytes"])
        return await self._finish("base", server, (rows, counted_at, schema), [part], span)

    async def dump(self, server: asyncpg.Record) -> Manifest:
        """All rows as of one instant, as pg_dump writes them."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await self._connection.fetchval("SELECT pg_export_snapshot()")
            command = [
                *(program("pg_dump", self._place.programs), "--dbname", self._server.address, "--no-password"),
                *("--format", "custom", "--compress", "0", "--snapshot", snapshot, "--no-owner", "--no-acl"),
            ]
            dumping = asyncio.create_task(asyncio.to_thread(self._seal_answer, command, "dump.pgdump"))
            try:
                counts = await self._counted()
            finally:
                part, _ = await dumping
        return await self._finish("dump", server, counts, [part], None)

    async def _counted(self) -> tuple[dict[str, int], datetime, str]:
        rows = await count_rows(self._connection)
        return rows, await self._connection.fetchval("SELECT now()"), await self._connection.fetchval(_SCHEMA) or ""

    async def _finish(
        self,
        kind: Kind,
        server: asyncpg.Record,
        counts: tuple[dict[str, int], datetime, str],
        parts: list[SealedPart],
        span: LogSpan | None,
    ) -> Manifest:
        if self._home is not None and (settings := _packed(self._home)) is not None:
            parts = [*parts, await asyncio.to_thread(self._seal, settings, "home.tar")]
        rows, counted_at, schema = counts
        manifest = Manifest(
            id=self._id,
            kind=kind,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            ralph=__version__,
            schema=schema,
            postgres=server["major"],
            key_id=self._place.key.id,
            counted_at=counted_at,
            rows=rows,
            parts=parts,
            log=span,
        )
        await asyncio.to_thread(sign, self._place.vault, manifest_name(self._id), manifest, self._place.key)
        return manifest

    def _seal_answer(self, command: Sequence[str], name: str) -> tuple[SealedPart, str]:
        with answering(command, self._server) as answer:
            return self._seal(answer, name), answer.said

    def _seal(self, source: Source, name: str) -> SealedPart:
        full = f"{FOLDER}/{self._id}/{name}.sealed"
        sealing = Sealing(source, self._place.key, full)
        try:
            self._place.vault.put(full, sealing)
        except RalphError:
            with contextlib.suppress(RalphError):
                self._place.vault.remove(full)
            raise
        return SealedPart(full, sealing.sealed_bytes, sealing.sha256)


def _span(said: str, segment_bytes: int) -> LogSpan:
    """Which log a base backup holds, from what pg_basebackup tells."""
    found = {which: (segments.position(lsn), timeline) for which, lsn, timeline in _SPAN.findall(said)}
    start, timeline = found["start"]
    end, _ = found["end"]
    return LogSpan(int(timeline), start // segment_bytes, (end - 1) // segment_bytes, segment_bytes)


def _packed(home: Path) -> io.BytesIO | None:
    present = [home / name for name in SETTINGS if (home / name).is_file()]
    if not present:
        return None
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in present:
            archive.add(path, arcname=path.name, recursive=False)
    packed.seek(0)
    return packed


def prune(place: Place) -> list[str]:
    """Remove backups that are neither daily nor weekly ones any more, the log from before the oldest daily one, and
    what an interrupted backup left; the ids removed."""
    vault = place.vault
    ids = backup_ids(vault)
    staying = kept(ids, place.daily, place.weekly)
    now = datetime.now(UTC)
    removed = set()
    for name in sorted(
        vault.names(f"{FOLDER}/"), key=lambda name: not name.endswith(".json")
    ):  # no half one looks whole
        backup_id = name.split("/")[1]
        try:
            age_s = (now - instant_of(backup_id)).total_seconds()
        except ValueError:
            continue  # not ours
        leftover = backup_id not in ids and age_s > LEFTOVER_S
        if leftover or (backup_id in ids and backup_id not in staying):
            vault.remove(name)
            removed.add(backup_id)
    _prune_log(place, kept(ids, place.daily, 0))
    return sorted(removed)


def _prune_log(place: Place, needing: set[str]) -> None:
    """Remove the log from before the oldest base backup of `needing`."""
    spans = [span for each in sorted(needing) if (span := read_manifest(place.vault, each, place.key).log) is not None]
    if not spans:
        return
    first = min(span.first_segment for span in spans)
    for name in place.vault.names(f"{segments.FOLDER}/"):
        file = name.removeprefix(f"{segments.FOLDER}/").removesuffix(segments.SUFFIX)
        segment = segments.parse_segment(file, spans[0].segment_bytes)
        if segment is not None and segment.number < first:
            place.vault.remove(name)
