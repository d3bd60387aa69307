"""Migrations: applied once and whole, in order, by whoever comes first; an edited or unknown one is refused."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import asyncpg
import pytest

from ralph import __version__
from ralph.errors import DatabaseDown, SchemaRefused
from ralph.store.database import Database
from ralph.store.migrate import migrate, migrations_folder, read_migrations, status

pytestmark = pytest.mark.anyio

FIRST = "CREATE TABLE first (id integer PRIMARY KEY);\nINSERT INTO first VALUES (1);\n"
SECOND = "CREATE TABLE second (id integer REFERENCES first);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text(SECOND)
    return tmp_path


@pytest.fixture
async def connection(empty_database_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def test_ralphs_own_migrations_make_both_workspaces(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT name, simulated FROM workspaces ORDER BY id")
    assert [tuple(row) for row in rows] == [("main", False), ("demo", True)]
    assert await migrate(connection) == []
    assert all(migration.applied_at is not None for migration in await status(connection))
    await connection.close()


async def test_missing_migrations_are_applied_once_in_order(connection: asyncpg.Connection, folder: Path) -> None:
    assert await migrate(connection, folder) == ["0001_first.sql", "0002_second.sql"]
    assert await migrate(connection, folder) == []
    (folder / "0003_third.sql").write_text("ALTER TABLE second ADD COLUMN more text;")
    assert await migrate(connection, folder) == ["0003_third.sql"]


async def test_status_tells_and_changes_nothing(connection: asyncpg.Connection, folder: Path) -> None:
    assert [state.applied_at for state in await status(connection, folder)] == [None, None]
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await migrate(connection, folder)
    (folder / "0003_third.sql").write_text("SELECT 1;")
    states = await status(connection, folder)
    assert [(state.version, state.ralph_version) for state in states] == [(1, __version__), (2, __version__), (3, None)]


async def test_an_edited_file_is_refused_by_name(connection: asyncpg.Connection, folder: Path) -> None:
    await migrate(connection, folder)
    (folder / "0001_first.sql").write_text(FIRST + "-- harmless\n")
    for act in (migrate, status):
        with pytest.raises(SchemaRefused, match=r"0001_first\.sql was edited.*new file"):
            await act(connection, folder)


async def test_line_ends_of_a_checkout_are_no_edit(connection: asyncpg.Connection, folder: Path) -> None:
    await migrate(connection, folder)
    (folder / "0001_first.sql").write_bytes(FIRST.replace("\n", "\r\n").encode())
    assert await migrate(connection, folder) == []


async def test_a_database_of_a_newer_ralph_is_refused(connection: asyncpg.Connection, folder: Path) -> None:
    await migrate(connection, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(SchemaRefused, match=r"0002_second\.sql.*newer Ralph"):
        await migrate(connection, folder)


async def test_an_older_ralph_works_on_where_a_newer_one_only_added(
    connection: asyncpg.Connection, folder: Path
) -> None:
    (folder / "0003_third.sql").write_text(
        "-- expands: nobody asks for it yet\nALTER TABLE second ADD COLUMN more text;"
    )
    newest = folder / "0004_fourth.sql"
    newest.write_text("-- expands: a table of its own\nCREATE TABLE fourth (id integer);")
    await migrate(connection, folder)
    for name in ("0003_third.sql", "0004_fourth.sql"):
        (folder / name).rename(folder / f"{name}.newer")
    assert await migrate(connection, folder) == []
    states = await status(connection, folder)
    assert [(state.version, state.applied_at is not None) for state in states] == [(n, True) for n in (1, 2, 3, 4)]
    await connection.execute("UPDATE schema_migrations SET expands = false WHERE version = 3")
    for act in (migrate, status):
        with pytest.raises(SchemaRefused, match=r"0003_third\.sql.*newer Ralph"):
            await act(connection, folder)


async def test_a_table_of_migrations_that_does_not_say_yet_is_taught_to(
    connection: asyncpg.Connection, folder: Path
) -> None:
    await migrate(connection, folder)
    await connection.execute("ALTER TABLE schema_migrations DROP COLUMN expands")
    assert len(await status(connection, folder)) == 2
    (folder / "0003_third.sql").write_text("-- expands: it does nothing\nSELECT 1;")
    assert await migrate(connection, folder) == ["0003_third.sql"]
    assert await connection.fetchval("SELECT array_agg(expands ORDER BY version) FROM schema_migrations") == [
        *(False, False, True)
    ]


@pytest.mark.parametrize(
    ("change", "breaks"),
    [
        ("CREATE TABLE new (id integer NOT NULL);", False),
        ("ALTER TABLE old ADD COLUMN more text, ADD COLUMN n integer NOT NULL DEFAULT 0;", False),
        ("-- DROP TABLE old\nCREATE INDEX ON old (id);", False),
        ("DROP TABLE old;", True),
        ("ALTER TABLE old DROP COLUMN id;", True),
        ("ALTER TABLE old RENAME TO older;", True),
        ("ALTER TABLE old ALTER COLUMN id TYPE text;", True),
        ("ALTER TABLE old ALTER id SET NOT NULL;", True),
        ("ALTER TABLE old ADD COLUMN more text NOT NULL;", True),
        ("CREATE UNIQUE INDEX ON old (id);", True),
        ("ALTER TABLE old ADD CONSTRAINT c CHECK (id > 0);", True),
        ("DELETE FROM old;", True),
    ],
)
def test_what_takes_something_away_is_told_from_what_adds(change: str, breaks: bool) -> None:
    assert bool(taken_away(change)) is breaks


def test_ralphs_own_migrations_that_say_they_only_add_do_so() -> None:
    """Those that do not say so are refused by an older Ralph, which is safe."""
    for migration in read_migrations(migrations_folder()):
        assert not (migration.expands and taken_away(migration.sql)), migration.name


def taken_away(sql: str) -> list[str]:
    """What in a migration an older Ralph would stumble over: gone or renamed, of another kind, or newly demanded."""
    bare = re.sub(r"--[^\n]*|'[^']*'", "", sql)
    commands = r"\b(?:DROP|RENAME|TRUNCATE|DELETE|TYPE|SET NOT NULL|UNIQUE INDEX|ADD CONSTRAINT|REVOKE)\b"
    altered = re.findall(r"ALTER TABLE[^;]*;", bare, re.IGNORECASE)
    demanded = [
        column
        for table in altered
        for column in re.findall(r"ADD COLUMN[^,;]*", table, re.IGNORECASE)
        if re.search("NOT NULL", column, re.IGNORECASE) and not re.search("DEFAULT", column, re.IGNORECASE)
    ]
    return [*re.findall(commands, bare, re.IGNORECASE), *demanded]


async def test_a_migration_that_was_skipped_is_refused(connection: asyncpg.Connection, folder: Path) -> None:
    await migrate(connection, folder)
    await connection.execute("DELETE FROM schema_migrations WHERE version = 1")
    with pytest.raises(SchemaRefused, match=r"0001_first\.sql was never applied"):
        await migrate(connection, folder)


@pytest.mark.parametrize("bad", ["SELECT 1/0;", "SELEC 1;", "INSERT INTO first VALUES (1);", "COMMIT;"])
async def test_a_failing_file_leaves_nothing_and_those_before_it_stay(
    connection: asyncpg.Connection, folder: Path, bad: str
) -> None:
    (folder / "0003_third.sql").write_text(f"CREATE TABLE third (id integer);\n{bad}\n")
    with pytest.raises(SchemaRefused, match=r"0003_third\.sql"):
        await migrate(connection, folder)
    if bad != "COMMIT;":
        assert await connection.fetchval("SELECT to_regclass('third')") is None
    assert await connection.fetchval("SELECT max(version) FROM schema_migrations") == 2
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_many_processes_at_once_apply_each_file_once(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_third.sql").write_text("SELECT pg_sleep(0.2); CREATE TABLE third (id integer);")

    async def one() -> list[str]:
        connection = await asyncpg.connect(empty_database_url)
        try:
            return await migrate(connection, folder)
        finally:
            await connection.close()

    applied = await asyncio.gather(*(one() for _ in range(8)))
    assert sorted(map(len, applied)) == [0] * 7 + [3]


async def test_one_who_dies_in_the_midst_leaves_nothing_and_the_next_goes_on(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_third.sql").write_text("CREATE TABLE third (id integer); SELECT pg_sleep(30);")
    database = Database()
    await database.connect(empty_database_url)
    doomed: list[int] = []

    async def die() -> None:
        async with database.acquire() as connection:
            doomed.append(connection.get_server_pid())
            await migrate(connection, folder)

    dying = asyncio.create_task(die())
    async with database.acquire() as watcher:
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1) AND wait_event = 'PgSleep'"
        async with asyncio.timeout(20):
            while await watcher.fetchval(sleeping, doomed) == 0:  # noqa: ASYNC110  # a database sets no event
                await asyncio.sleep(0.01)
        await watcher.execute("SELECT pg_terminate_backend($1)", doomed[0])
        with pytest.raises(DatabaseDown):
            await dying
        (folder / "0003_third.sql").write_text("CREATE TABLE third (id integer);")
        assert await migrate(watcher, folder) == ["0003_third.sql"]
    await database.close()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "no migrations"),
        (["0001_a.sql", "0003_c.sql"], "0003_c.sql should have the number 0002"),
        (["0001_a.sql", "0001_b.sql"], "0001_b.sql should have the number 0002"),
        (["0002_a.sql"], "0002_a.sql should have the number 0001"),
        (["1_a.sql"], "NNNN_words.sql"),
        (["0001-a.sql"], "NNNN_words.sql"),
    ],
)
def test_a_folder_with_gaps_doubles_or_strange_names_is_refused(tmp_path: Path, names: list[str], told: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(SchemaRefused, match=told):
        read_migrations(tmp_path)


def test_ralph_finds_its_own_files_and_they_are_in_order(tmp_path: Path) -> None:
    found = read_migrations(migrations_folder())
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    shutil.copytree(migrations_folder(), tmp_path / "copy")
    assert read_migrations(tmp_path / "copy") == found
