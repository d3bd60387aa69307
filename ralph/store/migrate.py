"""Migrations: numbered SQL files, forward only, each applied once, in one transaction, and never edited afterwards.

One that only adds what an older Ralph does not miss says so in its first line, `-- expands: WHY`. The database keeps
that, and the Ralph before it works on: a version can be taken back while the schema stays. Any other is taken to be one
that an older Ralph cannot work with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

import ralph
from ralph.errors import SchemaRefused
from ralph.store.database import is_gone

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_EXPANDS = re.compile(r"-- expands: \S")
LOCK = 0x52616C7068  # "Ralph": the advisory lock of whoever migrates
FILE_S = 3_600.0  # a file may rewrite a large table
LOCK_WAIT_S = 3_600.0  # and others wait that long for their turn

_CREATE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version        integer      PRIMARY KEY,
        name           text         NOT NULL,
        sha256         text         NOT NULL,
        applied_at     timestamptz  NOT NULL DEFAULT now(),
        ralph_version  text         NOT NULL,
        expands        boolean      NOT NULL DEFAULT false
    )
"""
_SAYS = """
    SELECT count(*) > 0
      FROM pg_attribute
     WHERE attrelid = to_regclass('schema_migrations') AND attname = 'expands' AND NOT attisdropped
"""
_SAY = "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS expands boolean NOT NULL DEFAULT false"
_EXISTS = "SELECT to_regclass('schema_migrations') IS NOT NULL"
_APPLIED = """
    SELECT version, name, sha256, applied_at, ralph_version,
           coalesce((to_jsonb(schema_migrations) ->> 'expands')::boolean, false) AS expands
      FROM schema_migrations
  ORDER BY version
"""
_RECORD = """
    INSERT INTO schema_migrations (version, name, sha256, ralph_version, expands)
    VALUES ($1, $2, $3, $4, $5)
"""


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name, its text, and the hash that must not change once applied."""

    version: int
    name: str
    sql: str
    sha256: str

    @property
    def expands(self) -> bool:
        """Whether a Ralph that does not know it works on as before."""
        return _EXPANDS.match(self.sql) is not None


@dataclass(frozen=True)
class MigrationStatus:
    """A migration and, when it is applied, when and by which Ralph."""

    version: int
    name: str
    applied_at: datetime | None
    ralph_version: str | None


def migrations_folder() -> Path:
    """Beside the package in a wheel, beside the repository's package in a checkout."""
    package = Path(ralph.__file__).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def read_migrations(folder: Path) -> list[Migration]:
    """The files of a folder in order. SchemaRefused names a gap, a number used twice, or a name that is not one."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise SchemaRefused(f"{path.name} is no migration; name it NNNN_words.sql", field=path.name)
        content = path.read_bytes().replace(b"\r\n", b"\n")  # a checkout may have changed the line ends
        found.append(Migration(int(match[1]), path.name, content.decode(), hashlib.sha256(content).hexdigest()))
    if not found:
        raise SchemaRefused(f"there are no migrations in {folder}; install Ralph again", field="migrations")
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise SchemaRefused(
                f"{migration.name} should have the number {expected:04}; numbers have no gaps and none is used twice",
                field=migration.name,
            )
    return found


async def migrate(connection: asyncpg.Connection, folder: Path | None = None) -> list[str]:
    """Apply what is missing and return the names of it; several processes may do this at once.

    SchemaRefused: an applied file was edited, the database is of a newer Ralph that changed what this one needs, or a
    file fails and leaves nothing.
    """
    migrations = read_migrations(folder or migrations_folder())
    async with _locked(connection):
        await connection.execute(_CREATE)
        if not await connection.fetchval(_SAYS):
            await connection.execute(_SAY)
        applied = await connection.fetch(_APPLIED)
        _check(migrations, applied)
        missing = migrations[len(applied) :]  # none where the database is ahead
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


async def status(connection: asyncpg.Connection, folder: Path | None = None) -> list[MigrationStatus]:
    """Each migration and whether it is applied, a newer Ralph's last; changes nothing. SchemaRefused as for migrate."""
    migrations = read_migrations(folder or migrations_folder())
    applied = await connection.fetch(_APPLIED) if await connection.fetchval(_EXISTS) else []
    _check(migrations, applied)
    by_version = {row["version"]: row for row in applied}
    listed = []
    for migration in migrations:
        row = by_version.get(migration.version)
        at, by = (row["applied_at"], row["ralph_version"]) if row is not None else (None, None)
        listed.append(MigrationStatus(migration.version, migration.name, at, by))
    newer = applied[len(migrations) :]
    return listed + [MigrationStatus(*(row[key] for key in MigrationStatus.__match_args__)) for row in newer]


def _check(migrations: list[Migration], applied: list[asyncpg.Record]) -> None:
    """SchemaRefused unless what is applied is exactly the beginning of what we have, or all of it and then such that
    only adds."""
    for row in applied[len(migrations) :]:
        if not row["expands"]:
            raise SchemaRefused(
                f"the database has migration {row['name']} of Ralph {row['ralph_version']}, and this Ralph "
                f"{ralph.__version__} knows {len(migrations)}; start the newer Ralph",
                field="database_url",
            )
    for migration, row in zip(migrations, applied, strict=False):
        if row["version"] != migration.version:
            raise SchemaRefused(
                f"{migration.name} was never applied though {row['name']} was; restore the database from a backup",
                field=migration.name,
            )
        if (row["name"], row["sha256"]) != (migration.name, migration.sha256):
            raise SchemaRefused(
                f"{migration.name} was edited after it was applied as {row['name']} on {row['applied_at']:%Y-%m-%d}; "
                "restore it and put the change into a new file",
                field=migration.name,
            )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql, timeout=FILE_S)
            if not connection.is_in_transaction():
                raise SchemaRefused(f"{migration.name} must not end its transaction itself", field=migration.name)
            own = (migration.version, migration.name, migration.sha256, ralph.__version__, migration.expands)
            await connection.execute(_RECORD, *own)
    except asyncpg.PostgresError as error:
        if is_gone(connection):
            raise
        raise SchemaRefused(
            f"{migration.name} cannot be applied, and nothing of it was: {error}", field=migration.name
        ) from error


@asynccontextmanager
async def _locked(connection: asyncpg.Connection) -> AsyncIterator[None]:
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=LOCK_WAIT_S)
    try:
        yield
    finally:
        if not is_gone(connection):  # with the connection the lock went too
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)
