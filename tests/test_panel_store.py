"""The Panel cache: mapped when whole, rebuilt when not, the same for everybody."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
from panel_bars import assert_same, store_bars

from ralph.errors import Misconfigured, NotFound, NotReady
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.rules import simulated_bars
from ralph.simulator.market import simulate
from ralph.store import panels as panels_module
from ralph.store import settling
from ralph.store.bars import load_newest, load_unsorted
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.panels import PanelStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def market() -> BarColumns:
    return simulate(3, date(2026, 1, 9), 30, 20)


@pytest.fixture
async def connection(database_url: str, market: BarColumns) -> AsyncIterator[asyncpg.Connection]:
    """To a database with a market in the workspace demo."""
    connection = await asyncpg.connect(database_url)
    try:
        await store_bars(connection, "demo", market)
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def rebuilds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The workspaces read from Postgres, in order."""
    read: list[str] = []

    async def count(connection: asyncpg.Connection, workspace: str, **how: Any) -> BarColumns:
        read.append(workspace)
        return await load_unsorted(connection, workspace, **how)

    monkeypatch.setattr(panels_module, "load_unsorted", count)
    return read


async def test_the_cached_panel_equals_one_built_in_memory(
    connection: asyncpg.Connection, tmp_path: Path, market: BarColumns, rebuilds: list[str]
) -> None:
    """The first load builds it, the others map it; nobody can write to it."""
    for _ in range(3):
        panel = await PanelStore(tmp_path / "panel").load(connection, "demo")
        assert_same(panel, build_panel(market))
        assert (panel.workspace, panel.simulated, panel.data_version) == ("demo", True, "1")
        arrays = [panel.sessions, panel.rows, panel.first, panel.flags, *panel.fields.values()]
        assert all(type(array) is np.ndarray and not array.flags.writeable for array in arrays)
        assert all(array.flags.aligned and array.flags.c_contiguous for array in arrays)
    assert rebuilds == ["demo"]


async def test_a_newer_version_replaces_the_older_and_readers_keep_theirs(
    connection: asyncpg.Connection, tmp_path: Path, market: BarColumns, rebuilds: list[str]
) -> None:
    panels = PanelStore(tmp_path)
    older = await panels.load(connection, "demo")
    before = {name: field.copy() for name, field in older.fields.items()}
    await connection.execute("UPDATE bars_daily SET close = close + 1")
    await connection.execute("UPDATE workspaces SET data_version = data_version + 1")
    newer = await panels.load(connection, "demo")
    assert newer.data_version == await panels.version(connection, "demo") == "2"
    assert_same(newer, build_panel(replace(market, close=market.close + 1)))
    assert all(older.fields[name].tobytes() == before[name].tobytes() for name in before)
    assert sorted(entry.name for entry in (tmp_path / "demo").iterdir()) == [".lock", "2"]
    assert rebuilds == ["demo", "demo"]


def _remove(folder: Path) -> None:
    (folder / "close.npy").unlink()


def _cut(folder: Path) -> None:
    os.truncate(folder / "close.npy", 1_000)


def _blank(folder: Path) -> None:
    (folder / "close.npy").write_bytes(bytes((folder / "close.npy").stat().st_size))


def _without_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _half_manifest(folder: Path) -> None:
    os.truncate(folder / "manifest.json", 100)


def _changed_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 0}))


def _of_another_database(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["about"]["origin"] = "1/1/1/1"
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "harm", [_remove, _cut, _blank, _without_manifest, _half_manifest, _changed_manifest, _of_another_database]
)
async def test_a_torn_or_foreign_cache_is_rebuilt(
    connection: asyncpg.Connection, tmp_path: Path, market: BarColumns, rebuilds: list[str], harm: object
) -> None:
    await PanelStore(tmp_path).load(connection, "demo")
    assert callable(harm)
    harm(tmp_path / "demo" / "1")
    for _ in range(2):
        assert_same(await PanelStore(tmp_path).load(connection, "demo"), build_panel(market))
    assert rebuilds == ["demo", "demo"]


@pytest.mark.parametrize(
    ("mark", "counts"), [(b"!" + b"0" * 36, True), (b"?" + b"0" * 36, False), (b"?", False), (b"", False)]
)
async def test_what_a_power_cut_can_have_torn_is_rebuilt(
    connection: asyncpg.Connection, tmp_path: Path, rebuilds: list[str], mark: bytes, counts: bool
) -> None:
    """The mark of another boot counts only where the files were on the disk before."""
    await PanelStore(tmp_path).load(connection, "demo")
    await asyncio.to_thread(wait_for_the_disk, tmp_path / "demo" / "1")
    (tmp_path / "demo" / "1" / "boot").write_bytes(mark)
    await PanelStore(tmp_path).load(connection, "demo")
    assert rebuilds == ["demo"] * (1 if counts else 2)


def wait_for_the_disk(folder: Path) -> None:
    while not (folder / "boot").read_bytes().startswith(b"!"):
        time.sleep(0.01)


async def test_without_boots_to_tell_apart_the_disk_is_waited_for(
    connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_boot", lambda: b"")
    await PanelStore(tmp_path).load(connection, "demo")
    assert (tmp_path / "demo" / "1" / "boot").read_bytes() == b"!"


async def test_what_a_dead_process_left_is_swept(connection: asyncpg.Connection, tmp_path: Path) -> None:
    left = tmp_path / "demo" / ".new-left"
    left.mkdir(parents=True)
    (left / "close.npy").write_bytes(b"half")
    await PanelStore(tmp_path).load(connection, "demo")
    assert not left.exists()


async def test_many_tasks_build_it_once(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path, market: BarColumns, rebuilds: list[str]
) -> None:
    async with asyncpg.create_pool(database_url, min_size=5, max_size=5) as pool:

        async def load() -> None:
            async with pool.acquire() as own:
                assert_same(await PanelStore(tmp_path).load(own, "demo"), build_panel(market))

        await asyncio.gather(*(load() for _ in range(5)))
    assert rebuilds == ["demo"]


def load_in_process(url: str, folder: str) -> str:
    """The hash of the closes another process sees."""

    async def load() -> str:
        connection = await asyncpg.connect(url)
        try:
            panel = await PanelStore(Path(folder)).load(connection, "demo")
            return panel.fields["close"].tobytes().hex()
        finally:
            await connection.close()

    return asyncio.run(load())


async def test_several_processes_at_once_see_the_same(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path, market: BarColumns
) -> None:
    def together() -> list[str]:
        with multiprocessing.get_context("spawn").Pool(3) as pool:
            return pool.starmap(load_in_process, [(database_url, str(tmp_path))] * 6)

    seen = await asyncio.to_thread(together)
    assert set(seen) == {build_panel(market).fields["close"].tobytes().hex()}
    assert sorted(entry.name for entry in (tmp_path / "demo").iterdir()) == [".lock", "1"]


async def test_a_workspace_without_bars_has_an_empty_panel(connection: asyncpg.Connection, tmp_path: Path) -> None:
    for _ in range(2):
        panel = await PanelStore(tmp_path).load(connection, "main")
        assert (panel.sessions.size, panel.bar_count, panel.listings) == (0, 0, ())
        assert (panel.workspace, panel.simulated, panel.data_version) == ("main", False, "0")


async def test_an_unknown_workspace_is_named(connection: asyncpg.Connection, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no workspace 'mian'"):
        await PanelStore(tmp_path).load(connection, "mian")
    with pytest.raises(NotFound, match="there is no workspace 'mian'"):
        await PanelStore(tmp_path).version(connection, "mian")


async def test_a_cache_that_cannot_be_written_says_what_to_do(connection: asyncpg.Connection, tmp_path: Path) -> None:
    (tmp_path / "panel").write_text("a file where the folder should be")
    with pytest.raises(Misconfigured, match=r"cannot be written .*; make room or give it to this user"):
        await PanelStore(tmp_path / "panel").load(connection, "demo")


async def test_a_full_disk_leaves_nothing_that_counts(
    connection: asyncpg.Connection, tmp_path: Path, market: BarColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, capital: object, name: str) -> object:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(panels_module, "pieces_of", full)
        with pytest.raises(Misconfigured, match="No space left on device"):
            await PanelStore(tmp_path).load(connection, "demo")
    assert_same(await PanelStore(tmp_path).load(connection, "demo"), build_panel(market))
    assert sorted(entry.name for entry in (tmp_path / "demo").iterdir()) == [".lock", "1"]


async def test_a_builder_that_hangs_is_not_waited_for_for_ever(
    connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panels_module, "_LOCK_WAIT_S", 0.0)
    panels = PanelStore(tmp_path)
    async with panels._lock("demo"):
        with pytest.raises(NotReady, match="another process has been writing the Panel of demo"):
            await panels.load(connection, "demo")
    assert (await panels.load(connection, "demo")).bar_count > 0


async def test_the_panel_never_mixes_two_versions(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that commits while bars are being read belongs to the next Panel."""
    other = await asyncpg.connect(database_url)

    async def interrupted(reader: asyncpg.Connection, workspace: str, **how: Any) -> BarColumns:
        await other.execute("UPDATE bars_daily SET close = 7; UPDATE workspaces SET data_version = data_version + 1")
        return await load_unsorted(reader, workspace, **how)

    with monkeypatch.context() as patch:
        patch.setattr(panels_module, "load_unsorted", interrupted)
        panel = await PanelStore(tmp_path).load(connection, "demo")
    await other.close()
    assert panel.data_version == "1"
    assert np.nanmax(panel.fields["close"]) > 7
    panel = await PanelStore(tmp_path).load(connection, "demo")
    assert panel.data_version == "2"
    assert np.nanmax(panel.fields["close"]) == 7


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """From which Session on bars were read from Postgres, in order."""
    read: list[date] = []

    async def note(connection: asyncpg.Connection, workspace: str, **how: Any) -> BarColumns:
        read.append(date.min)
        return await load_unsorted(connection, workspace, **how)

    async def note_newest(connection: asyncpg.Connection, workspace: str, since: date) -> BarColumns:
        read.append(since)
        return await load_newest(connection, workspace, since)

    monkeypatch.setattr(panels_module, "load_unsorted", note)
    monkeypatch.setattr(panels_module, "load_newest", note_newest)
    return read


def cut(market: BarColumns, first: int, last: int) -> BarColumns:
    """The bars of some of its Sessions, by number, with all listings."""
    days = np.unique(market.day)
    rows = np.isin(market.day, days[first:last])
    return replace(market, **{name: getattr(market, name)[rows] for name in BAR_COLUMNS})


async def test_newer_sessions_are_appended_and_corrections_rebuild(
    database_url: str, tmp_path: Path, market: BarColumns, reads: list[date]
) -> None:
    """What two imports added is read alone, and the Panel is, bit by bit, the one built anew."""
    connection = await asyncpg.connect(database_url)
    days = [day.astype(object) for day in np.unique(market.day)]
    try:
        for first, last in ((0, 25), (25, 26), (26, 30)):
            await import_bars(connection, "main", simulated_bars(cut(market, first, last), "part"))
            if first != 25:  # two versions at a time are caught up with as well
                panel = await PanelStore(tmp_path / "grown").load(connection, "main")
        assert reads == [date.min, days[25]]
        assert_same(panel, await PanelStore(tmp_path / "anew").load(connection, "main"))
        corrected = cut(market, 10, 11)
        await import_bars(connection, "main", simulated_bars(replace(corrected, volume=corrected.volume * 2), "fix"))
        panel = await PanelStore(tmp_path / "grown").load(connection, "main")
        assert reads[-1] == date.min
        assert_same(panel, await PanelStore(tmp_path / "again").load(connection, "main"))
    finally:
        await connection.close()


async def test_a_cancelled_reader_ends_as_cancelled(database_url: str, tmp_path: Path) -> None:
    """At whatever moment of a rebuild; not as a database that is down, which callers would try again for ever."""
    database = Database()
    await database.connect(database_url)
    async with database.acquire() as connection:
        await import_bars(connection, "main", simulated_bars(simulate(5, date(2026, 1, 9), 150, 400), "market"))

    async def load(number: int) -> None:
        async with database.acquire() as connection:
            await PanelStore(tmp_path / str(number)).load(connection, "main")

    for number in range(40):
        task = asyncio.create_task(load(number))
        await asyncio.sleep(0.002 * (number + 1))
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert ended is None or isinstance(ended, asyncio.CancelledError)
    await database.ping()
    await database.close()
