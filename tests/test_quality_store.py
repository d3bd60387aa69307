"""Quality runs are stored, found again, bounded in number; old data goes by its limits and only when asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import asyncpg
import numpy as np
import pytest
from conftest import TIMESCALE_URL
from panel_bars import store_bars
from test_quality import LAST, halted, holed, market, split

from ralph.config import QualityConfig, RetentionConfig
from ralph.errors import BadParameter, DataNotFound, NotFound, NotReady, Unavailable
from ralph.jobs.quality import run_quality
from ralph.market.calendar import PUBLISHED
from ralph.market.columns import BAR_COLUMNS, BarColumns
from ralph.market.flags import Flag
from ralph.market.rules import flag_rows, simulated_bars
from ralph.market.symbol import Listing, Symbol
from ralph.store import retention
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.quality_runs import Wanted, find_run, list_findings, list_runs, one_at_a_time
from ralph.store.retention import Table, plan_removal, remove_bars, remove_expired
from ralph.store.storage import bar_storage

pytestmark = pytest.mark.anyio

CONFIG = QualityConfig(runs_kept=3)
TODAY = date(2026, 11, 21)


def flawed() -> BarColumns:
    return holed(split(halted(market(), 7, 50), 20, 60), 3, 40)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database()
    await opened.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with database.acquire() as acquired:
        yield acquired


async def test_a_run_is_stored_and_the_same_again_finds_the_same(
    database: Database, connection: asyncpg.Connection
) -> None:
    await store_bars(connection, "main", flawed())
    first, second = [await run_quality(database, "main", PUBLISHED, CONFIG) for _ in range(2)]
    assert (first.bars, first.symbols, first.sessions, first.is_exchange) == (25 * 130 - 4, 25, 130, True)
    assert first.counts == second.counts == {"split": 1, "missing": 1, "halt": 1}
    assert first.worst == {"info": 1, "warning": 1, "error": 1}
    assert first.data_version == second.data_version == "1"
    found, following = await list_findings(connection, first)
    assert following is None
    assert [each.kind for each in found] == ["split", "missing", "halt"]
    assert (await list_findings(connection, second))[0] == found
    split_found = found[0]
    assert (split_found.symbol, split_found.detail.fraction) == ("120000", "1:5")
    assert "1:5" in split_found.en
    assert "1:5" in split_found.ko


async def test_findings_are_filtered_and_come_in_pages(database: Database, connection: asyncpg.Connection) -> None:
    await store_bars(connection, "main", flawed())
    run = await run_quality(database, "main", PUBLISHED, CONFIG)
    everything, _ = await list_findings(connection, run)
    pages, cursor = [], None
    for _ in range(3):
        page, cursor = await list_findings(connection, run, after=cursor, limit=1)
        pages += page
    assert cursor is None
    assert pages == everything
    for wanted, kind in (
        (Wanted(kind="halt"), "halt"),
        (Wanted(severity="error"), "split"),
        (Wanted(symbol=Symbol("103000")), "missing"),
    ):
        page, _ = await list_findings(connection, run, wanted)
        assert [each.kind for each in page] == [kind]
        assert page == [each for each in everything if wanted.admits(each)]
    for wrong in ("x", "-1", "9" * 12):
        with pytest.raises(BadParameter) as raised:
            await list_findings(connection, run, after=wrong)
        assert raised.value.field == "cursor"


async def test_only_so_many_runs_are_kept(database: Database, connection: asyncpg.Connection) -> None:
    with pytest.raises(DataNotFound, match="not been looked at"):
        await find_run(connection, "main")
    runs = [await run_quality(database, "main", PUBLISHED, CONFIG) for _ in range(5)]
    await run_quality(database, "demo", PUBLISHED, CONFIG)
    assert [run.run_id for run in await list_runs(connection, "main")] == [run.run_id for run in runs[:1:-1]]
    assert len(await list_runs(connection, "demo")) == 1
    assert (await find_run(connection, "main")).run_id == runs[-1].run_id
    assert runs[-1].findings == 0
    for unknown in (runs[0].run_id, "x", "9" * 30):
        with pytest.raises(NotFound):
            await find_run(connection, "main", unknown)
    with pytest.raises(NotFound, match="workspace"):
        await run_quality(database, "nowhere", PUBLISHED, CONFIG)


async def test_one_run_at_a_time(database: Database, connection: asyncpg.Connection) -> None:
    async with one_at_a_time(connection, "main"):
        with pytest.raises(NotReady, match="under way"):
            await run_quality(database, "main", PUBLISHED, CONFIG)
        await run_quality(database, "demo", PUBLISHED, CONFIG)
    await run_quality(database, "main", PUBLISHED, CONFIG)


@pytest.mark.skipif(TIMESCALE_URL is not None, reason="the database is one with TimescaleDB")
async def test_the_embedded_database_keeps_bars_in_partitions(connection: asyncpg.Connection) -> None:
    storage = await bar_storage(connection)
    assert storage.kind == "partitions"
    assert "TimescaleDB" in storage.detail


async def fill(connection: asyncpg.Connection) -> None:
    """Daily bars of 2022 to 2026, minutes of 2023 to 2026, an import of long ago and one of today."""
    bars = market()
    years = np.datetime64("2022-06-01") + np.arange(130) * 13
    await store_bars(connection, "main", BarColumns(**{**vars(bars), "day": np.tile(years, 25)}))
    for month in (date(2023, 5, 1), date(2024, 11, 1), date(2026, 11, 1)):
        await connection.execute("SELECT ensure_minute_partition($1)", month)
        for day in (5, 25):
            at = datetime(month.year, month.month, day, 1, tzinfo=UTC)
            await connection.execute("INSERT INTO bars_minute VALUES (1, $1, 1, 1, 1, 1, 1, 1, 0, 1, true)", at)
            await connection.execute("SELECT ensure_tick_partition($1::date)", at.date())
            await connection.execute("INSERT INTO ticks VALUES (1, $1, 1, $1, 1, 1, 1)", at)
    for at in (datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)):
        run_id = await connection.fetchval(
            """
            INSERT INTO import_runs (workspace_id, kind, file_name, file_sha256, adjusted, rows_read, stored, updated,
                                     unchanged, flagged, rejected, started_at)
                 VALUES (1, 'bars', 'a.csv', '', true, 1, 0, 0, 0, 0, 1, $1)
              RETURNING id
            """,
            at,
        )
        await connection.execute("INSERT INTO import_rejects VALUES ($1, 2, 'date', '', 'not a date')", run_id)
        await connection.execute(
            "INSERT INTO web_sessions (token_sha256, expires_at) VALUES ($2, $1)", at, b"%d" % run_id
        )
    await connection.execute("INSERT INTO quality_flags VALUES (1, '2022-06-01', 1, 'no trade', NULL)")


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in get_args(Table)}


async def test_a_plan_changes_nothing_and_a_removal_is_the_plan(connection: asyncpg.Connection) -> None:
    await fill(connection)
    before = await counts(connection)
    plan = {each.table: each for each in await plan_removal(connection, RetentionConfig(), TODAY)}
    assert await counts(connection) == before
    assert (plan["bars_daily"].before, plan["bars_daily"].rows) == (None, 0)
    assert (plan["bars_minute"].before, plan["bars_minute"].rows) == (TODAY - timedelta(days=730), 3)
    assert plan["ticks"].before == TODAY - timedelta(days=30)
    assert plan["ticks"].rows > 0
    assert (plan["import_runs"].rows, plan["web_sessions"].rows) == (1, 2)
    removed = await remove_expired(connection, RetentionConfig(), TODAY)
    assert {each.table: each for each in removed} == {name: each for name, each in plan.items() if name != "bars_daily"}
    after = await counts(connection)
    assert after == {name: before[name] - each.rows for name, each in plan.items()}
    assert await connection.fetchval("SELECT count(*) FROM import_rejects") == 1
    assert await connection.fetchval("SELECT to_regclass('bars_minute_202305')") is None, "a whole month was dropped"
    assert await connection.fetchval("SELECT to_regclass('bars_minute_202411')") is not None
    assert all(each.rows == 0 for each in await plan_removal(connection, RetentionConfig(), TODAY))


async def test_daily_bars_go_only_when_a_limit_is_set_and_their_count_is_confirmed(
    connection: asyncpg.Connection,
) -> None:
    await fill(connection)
    with pytest.raises(BadParameter, match="for ever"):
        await remove_bars(connection, RetentionConfig(), 0, TODAY)
    limited = RetentionConfig(bars_years=2)
    plan = {each.table: each for each in await plan_removal(connection, limited, TODAY)}["bars_daily"]
    before = await counts(connection)
    assert plan.before == date(2024, 11, 21)
    assert 0 < plan.rows < before["bars_daily"]
    with pytest.raises(BadParameter) as raised:
        await remove_bars(connection, limited, plan.rows - 1, TODAY)
    assert (raised.value.field, raised.value.accepted) == ("confirm_bars", str(plan.rows))
    assert await counts(connection) == before
    assert await remove_bars(connection, limited, plan.rows, TODAY) == plan
    assert (await counts(connection))["bars_daily"] == before["bars_daily"] - plan.rows
    assert await connection.fetchval("SELECT min(session_on) FROM bars_daily") >= plan.before
    assert await connection.fetchval("SELECT to_regclass('bars_daily_2023')") is None
    assert await connection.fetchval("SELECT to_regclass('bars_daily_2024')") is not None
    assert await connection.fetchval("SELECT count(*) FROM quality_flags") == 0
    assert await connection.fetchval("SELECT data_version FROM workspaces WHERE name = 'main'") == 2
    assert await connection.fetchval("SELECT since FROM workspace_changes WHERE workspace_id = 1") is None


async def test_who_reads_is_not_cut_off(
    database: Database, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition in use is left, all of it, and the removal says to try later."""
    await fill(connection)
    monkeypatch.setattr(retention, "LOCK_S", 0.05)
    before = await counts(connection)
    async with database.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT * FROM bars_minute")
        with pytest.raises(Unavailable, match="try again later"):
            await remove_expired(connection, RetentionConfig(), TODAY)
    assert await counts(connection) == before


@pytest.mark.parametrize("day", [date(2024, 2, 29), LAST])
def test_a_limit_in_years_has_a_day_in_every_year(day: date) -> None:
    known = retention.limits(RetentionConfig(bars_years=1), day)
    before = known["bars_daily"][1]
    assert before is not None
    assert before.year == day.year - 1
    assert retention.limits(RetentionConfig(minute_bars_days=0, import_runs_days=0), day)["bars_minute"][1] is None


async def test_the_limit_of_the_day_holds_between_files(connection: asyncpg.Connection) -> None:
    """Bars of one file among those of another, around 2015-06-15: the flags are those of both files in one."""
    days = np.arange(np.datetime64("2015-06-08"), np.datetime64("2015-06-20"))
    steps = np.where(np.arange(days.size) % 2, 1.2, 1 / 1.2)
    close = (100.0 * np.cumprod(steps)).astype(np.float64)
    listings = (Listing(Symbol("005930")), Listing(Symbol("AAPL")))
    every = np.tile(np.arange(days.size), 2)
    whole = BarColumns(
        listings,
        np.repeat(np.arange(2, dtype=np.int32), days.size),
        days[every],
        close[every],
        close[every],
        close[every],
        close[every],
        np.ones(every.size),
        np.full(every.size, np.nan),
        np.zeros(every.size, dtype=np.uint8),
    )
    for part in (every % 3 == 0, every % 3 != 0):
        some = BarColumns(listings, *(getattr(whole, name)[part] for name in BAR_COLUMNS))
        await import_bars(connection, "main", simulated_bars(some, "part"))
    rows = await connection.fetch(
        "SELECT flags FROM bars_daily b JOIN symbols s ON s.id = b.symbol_id ORDER BY code, session_on"
    )
    expected = flag_rows(whole).tolist()
    assert [row["flags"] for row in rows] == expected
    assert 0 < expected.count(Flag.JUMP) < days.size, "only Korean bars before the day"
