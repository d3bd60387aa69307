"""The drill: backups under load, a database destroyed, and what comes back; and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from serving import ralph, serving

from ralph.backup.archivist import Archivist, Standing, place_of
from ralph.backup.keeping import id_of
from ralph.backup.manifest import backup_ids
from ralph.backup.restoring import Restored, choose, restore_home
from ralph.backup.sealing import BackupKey
from ralph.backup.segments import segment_name
from ralph.backup.shipping import Shipping, read_reach
from ralph.backup.taking import Place, prune, take
from ralph.backup.vault import Folder
from ralph.backup.verifying import verify
from ralph.cli.backups import parse_instant
from ralph.config import BackupConfig
from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import BadBackup, BadParameter, DataNotFound, Misconfigured
from ralph.store.migrate import migrate

KEY = BackupKey(bytes(range(32)))
_MAKE = """
    CREATE TABLE ledger (id bigint PRIMARY KEY, written_at timestamptz NOT NULL, text text NOT NULL);
    INSERT INTO ledger SELECT i, now(), md5(i::text) FROM generate_series(1, {rows}) AS i
"""
_WRITE = "INSERT INTO ledger VALUES ($1::bigint, clock_timestamp(), md5(($1::bigint)::text))"
_SUM = "SELECT count(*), md5(string_agg(id || text, ',' ORDER BY id)) FROM ledger"


def say(line: str) -> None:
    """Nobody listens."""


@dataclass
class Drill:
    """A home that is written to, and the ledger of what was acknowledged: (id, instant)."""

    path: Path
    vault: Path
    acknowledged: list[tuple[int, datetime]] = field(default_factory=list)
    moment: datetime | None = None
    before: tuple[int, str] = (0, "")
    shipped: datetime | None = None

    @property
    def place(self) -> Place:
        return Place(Folder(self.vault), KEY)

    async def run(self, rows: int, load_s: float) -> None:
        """Fill, write, back up, remember a moment, write on, lose the server at an instant nobody chose."""
        home = Home(self.path)
        with home.hold("up"):
            servers = EmbeddedServers(home, check_interval_s=60)
            await servers.start(redis=False)
            shipping = Shipping(servers.database_url, self.place, self.path / "wal", self.path / "log" / "wal.log")
            try:
                connection = await asyncpg.connect(servers.database_url)
                await migrate(connection)
                await connection.execute(_MAKE.format(rows=rows))
                (self.path / "calendar.toml").write_text("closed = [2027-08-17]\n")
                next_vault = self.vault.with_name("next")
                (self.path / "ralph.toml").write_text(f'[backup]\nto = "{next_vault}"\nlog_s = 0.5\n')
                await shipping.start()
                async with self.written(connection, rows + 1):
                    await take(servers.database_url, self.place, self.path)
                    await asyncio.sleep(load_s / 2)
                self.before = tuple(await connection.fetchrow(_SUM))
                self.moment = datetime.now(UTC)
                await asyncio.sleep(0.2)
                async with self.written(connection, self.before[0] + 1):
                    await asyncio.sleep(load_s / 4)
                    self.shipped = (await shipping.ship()).until
                    await asyncio.sleep(load_s / 4)
                pid = servers.states()["postgres"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                connection.terminate()
            finally:
                await shipping.stop()
                await servers.stop()

    @contextlib.asynccontextmanager
    async def written(self, connection: asyncpg.Connection, first: int) -> AsyncIterator[None]:
        """Rows arrive one by one meanwhile."""
        stopping = asyncio.Event()

        async def write() -> None:
            number = first
            while not stopping.is_set():
                await connection.execute(_WRITE, number)
                self.acknowledged.append((number, datetime.now(UTC)))
                number += 1
                await asyncio.sleep(0.002)

        task = asyncio.create_task(write())
        try:
            yield
        finally:
            stopping.set()
            await task


async def ledger_of(home: Home) -> tuple[int, str]:
    """Count and checksum of the ledger in a restored home."""
    with home.hold("test"):
        servers = EmbeddedServers(home)
        await servers.start(redis=False)
        try:
            connection = await asyncpg.connect(servers.database_url)
            count, checksum = await connection.fetchrow(_SUM)
            await connection.close()
        finally:
            await servers.stop()
    return count, checksum


def expected(count: int) -> tuple[int, str]:
    """What a ledger of that many rows must be."""
    text = ",".join(sorted_row(number) for number in range(1, count + 1))
    return count, hashlib.md5(text.encode()).hexdigest()


def sorted_row(number: int) -> str:
    return f"{number}{hashlib.md5(str(number).encode()).hexdigest()}"


def restore(place: Place, path: Path, at: datetime | None = None) -> Restored:
    return asyncio.run(restore_home(place, choose(place, at=at), Home(path), say))


def drilled(home_path: Path, tmp_path: Path, rows: int, load_s: float) -> Drill:
    """Run the drill, then check what each restore brings back; prints RPO and RTO."""
    drill = Drill(home_path, tmp_path / "vault")
    asyncio.run(drill.run(rows, load_s))
    shutil.rmtree(home_path)
    assert drill.shipped is not None
    assert drill.moment is not None

    started = time.monotonic()
    latest = restore(drill.place, home_path)
    rto_s = time.monotonic() - started
    count, checksum = asyncio.run(ledger_of(Home(home_path)))
    assert (count, checksum) == expected(count)
    lost = [at for number, at in drill.acknowledged if number > count]
    assert all(at > drill.shipped for at in lost), "an acknowledged row is missing that was shipped"
    rpo_s = (drill.acknowledged[-1][1] - min(lost)).total_seconds() if lost else 0.0
    assert latest.rows["public.ledger"] == count >= latest.counted["public.ledger"] >= rows
    untouched = {table for table in latest.rows if table != "public.ledger"}
    assert {table: latest.rows[table] for table in untouched} == {table: latest.counted[table] for table in untouched}
    assert (home_path / "calendar.toml").read_text() == "closed = [2027-08-17]\n"

    elsewhere = home_path.with_name("moment")
    started = time.monotonic()
    restored = restore(drill.place, elsewhere, drill.moment)
    moment_s = time.monotonic() - started
    assert restored.until == drill.moment
    assert asyncio.run(ledger_of(Home(elsewhere))) == drill.before == expected(drill.before[0])
    sys.stdout.write(
        f"\nrestore drill: {count:,} rows; RPO {rpo_s:.2f} s ({len(lost)} rows written after the last shipment); "
        f"RTO {rto_s:.2f} s to the latest, {moment_s:.2f} s to a moment\n"
    )
    assert rpo_s < 300
    assert rto_s < 900
    return drill


def test_a_destroyed_database_comes_back(home_path: Path, tmp_path: Path) -> None:
    """To the latest and to a moment, with equal counts and checksums; Ralph starts on it; damage is named."""
    drill = drilled(home_path, tmp_path, rows=20_000, load_s=1.0)
    with serving(home_path, "--no-demo") as server, server.client() as client:
        assert client.get("/health/ready").json()["parts"]["database"]["ok"]
        wait_for_backup(client)
    check_refusals(drill, home_path.with_name("refused"))


def wait_for_backup(client: httpx.Client) -> None:
    """The restored Ralph goes on taking backups, as its settings say, and tells how old they are."""
    for _ in range(600):
        part = client.get("/health").json()["parts"]["backup"]
        if part["ok"] and "the log reaches to" in part["detail"]:
            break
        time.sleep(0.1)
    assert "the newest of 1 backups" in part["detail"], part
    metrics = client.get("/metrics").text
    assert 'ralph_backup_timestamp_seconds{to="folder"}' in metrics
    assert 'ralph_backup_log_timestamp_seconds{to="folder"}' in metrics


def test_another_key_is_not_made_for_backups_that_are_there(tmp_path: Path) -> None:
    """Backups of two keys in one place would be restored by nobody."""
    config = BackupConfig(to=str(tmp_path / "vault"))
    place_of(config, tmp_path)
    (tmp_path / "vault" / "backups" / "20260101T000000Z").mkdir(parents=True)
    (tmp_path / "vault" / "backups" / "20260101T000000Z" / "manifest.json").write_text("{}")
    place_of(config, tmp_path)
    (tmp_path / "backup.key").unlink()
    with pytest.raises(Misconfigured, match="holds backups already"):
        place_of(config, tmp_path)


@pytest.mark.long
def test_a_large_database_comes_back(home_path: Path, tmp_path: Path) -> None:
    """Two million rows, a minute of writing."""
    drilled(home_path, tmp_path, rows=2_000_000, load_s=60.0)


def check_refusals(drill: Drill, path: Path) -> None:
    """Instants nobody has, a hole in the log, a changed file: each is refused by name and leaves no database."""
    place = drill.place
    assert drill.moment is not None
    with pytest.raises(DataNotFound, match="no backup was done by"):
        choose(place, at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(DataNotFound, match="the log ends at"):
        choose(place, at=datetime(2030, 1, 1, tzinfo=UTC))
    (backup_id,) = backup_ids(place.vault)
    assert verify(place, backup_id).note == ""

    wal = sorted((drill.vault / "wal").glob("0*.sealed"))
    for file in (drill.vault / "backups" / backup_id / "base.tar.sealed", wal[-1]):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
        name = str(file.relative_to(drill.vault))
        with pytest.raises(BadBackup, match=name):
            verify(place, backup_id)
        with pytest.raises(BadBackup, match=name):
            restore(place, path)
        assert not (path / "postgres").exists()
        assert not list(path.glob("postgres.*"))
        file.write_bytes(whole)
    with pytest.raises(Misconfigured, match="was sealed with the key"):
        choose(Place(place.vault, BackupKey(bytes(32))))


async def test_two_databases_do_not_share_one_place(running_url: str, tmp_path: Path) -> None:
    """What the vault holds under a name is never replaced by something else."""
    place = Place(Folder(tmp_path / "vault"), KEY)
    connection = await asyncpg.connect(running_url)
    shipping = Shipping(running_url, place, tmp_path / "spool", tmp_path / "wal.log")
    try:
        await shipping.start()
        await connection.execute("SELECT pg_switch_wal()")
        first = await shipping.ship()
        whole = next(path for path in sorted((tmp_path / "vault" / "wal").iterdir()) if ".partial" not in path.name)
        name = whole.name.removesuffix(".sealed")
        (tmp_path / "spool" / name).write_bytes(b"another log")
        with pytest.raises(Misconfigured, match=name):
            await shipping.ship()
        (tmp_path / "spool" / name).unlink()
        assert (await shipping.ship()).until > first.until
        assert (reach := read_reach(place)) is not None
        assert reach.until > first.until
    finally:
        await shipping.stop()
        await connection.execute("SELECT pg_drop_replication_slot('ralph_backup')")
        await connection.close()


def test_a_segment_completed_while_it_is_sent_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A begun segment that gets its final name between being seen and being read is in the same round, whole."""
    place = Place(Folder(tmp_path / "vault"), KEY)
    shipping = Shipping("postgresql://ralph@/ralph", place, tmp_path, tmp_path / "wal.log")
    begun = tmp_path / f"{segment_name(1, 3, 1 << 24)}.partial"
    begun.write_bytes(b"log")
    read = Path.read_bytes

    def renamed(path: Path) -> bytes:
        if path.suffix == ".partial":
            path.rename(path.with_suffix(""))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", renamed)
    shipping._send_all(1 << 24)
    assert place.vault.names("wal/") == [f"wal/{begun.stem}.sealed"]


async def test_an_archivist_tells_how_old_backups_are(running_url: str, tmp_path: Path) -> None:
    """It takes the first at once, ships the log, and says so."""
    told: list[Standing] = []
    good = asyncio.Event()

    def tell(standing: Standing) -> None:
        told.append(standing)
        if standing.ok and standing.log_until is not None:
            good.set()

    (tmp_path / "log").mkdir()
    config = BackupConfig(to=str(tmp_path / "vault"), log_s=0.2)
    work = asyncio.create_task(Archivist(running_url, config, tmp_path, tell).run())
    try:
        await asyncio.wait_for(good.wait(), 60)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        connection = await asyncpg.connect(running_url)
        await connection.execute("SELECT pg_drop_replication_slot('ralph_backup')")
        await connection.close()
    assert not told[0].ok
    assert "1 backups" in told[-1].detail


@pytest.fixture
def running_url(database_url: str, anyio_backend: str) -> str:
    """A database of the session's server, whose whole cluster is what is copied."""
    return database_url


def test_old_backups_go_and_others_stay(database_url: str, tmp_path: Path) -> None:
    """Those that are neither daily nor weekly, and the files of one that was never finished."""
    place = Place(Folder(tmp_path / "vault"), KEY, daily=1, weekly=0)
    manifest = asyncio.run(take(database_url, place, kind="dump"))
    stale = place.vault
    unfinished, unknown = id_of(datetime(2026, 1, 1, tzinfo=UTC)), "notes"
    (tmp_path / "vault" / "backups" / unfinished).mkdir()
    (tmp_path / "vault" / "backups" / unfinished / "dump.pgdump.sealed").write_bytes(b"half")
    (tmp_path / "vault" / "backups" / unknown).mkdir()
    (tmp_path / "vault" / "backups" / unknown / "mine.txt").write_text("not a backup")
    assert prune(place) == [unfinished]
    assert backup_ids(stale) == [manifest.id]
    assert (tmp_path / "vault" / "backups" / unknown / "mine.txt").exists()


def test_a_dump_goes_into_an_empty_database(
    database_url: str, empty_database_url: str, home_path: Path, tmp_path: Path
) -> None:
    """From the command line, with every count exactly as it was taken; never over tables that are there."""
    place, key = str(tmp_path / "vault"), str(tmp_path / "backup.key")
    settings = {"RALPH_DATABASE_URL": database_url, "RALPH_BACKUP__TO": place, "RALPH_BACKUP__KEY_FILE": key}
    taken = ralph(home_path, "backup", "--kind", "dump", "--json", **settings)
    assert taken.returncode == 0, taken.stderr
    manifest = json.loads(taken.stdout)
    assert manifest["rows"]["public.schema_migrations"] > 0
    listed = json.loads(ralph(home_path, "backup", "ls", "--json", **settings).stdout)
    assert [each["id"] for each in listed] == [manifest["id"]]
    into = ("restore", "--from", place, "--key-file", key, "--to-database", empty_database_url)
    back = ralph(home_path, *into, "--json")
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["rows"] == manifest["rows"]
    again = ralph(home_path, *into)
    assert again.returncode == 1
    assert "holds tables already" in again.stderr
    own = Place(Folder(tmp_path / "vault"), BackupKey.load(Path(key)))
    assert verify(own, manifest["id"]).until.isoformat() == manifest["counted_at"].replace("Z", "+00:00")
    with pytest.raises(DataNotFound, match="there is no backup 20260101T000000Z"):
        choose(own, "20260101T000000Z")
    with pytest.raises(DataNotFound, match="holds one instant"):
        choose(own, manifest["id"], at=datetime.now(UTC))
    for text in ("yesterday", "2026-11-20T15:30:00"):
        with pytest.raises(BadParameter, match="no instant with its offset"):
            parse_instant(text)
