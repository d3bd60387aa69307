"""Reading bars from Postgres: the whole workspace, or one Symbol, as columns."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import asyncpg
import numpy as np
import pytest
from panel_bars import store_bars, store_symbol

from ralph.errors import DatabaseDown, UnknownSymbol
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel, sorted_bars
from ralph.market.symbol import Listing, Symbol
from ralph.simulator.market import simulate
from ralph.store import bar_rows
from ralph.store import bars as bars_module
from ralph.store.bars import load_bars, load_columns, load_newest, load_unsorted
from ralph.store.database import Database

LAST = date(2026, 1, 9)
pytestmark = pytest.mark.anyio


def assert_equal(one: BarColumns, two: BarColumns) -> None:
    assert one.listings == two.listings
    for name in BAR_COLUMNS:
        assert getattr(one, name).dtype == getattr(two, name).dtype, name
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name


@pytest.fixture
def market() -> BarColumns:
    """Two years' ends, halts, a Symbol whose source gives no traded value."""
    bars = simulate(5, LAST, 60, 30)
    return replace(bars, value=np.where(bars.symbol == 3, np.nan, bars.value))


async def test_bars_come_back_as_they_were_stored(
    connection: asyncpg.Connection, market: BarColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they come in many small pieces and outgrow the room made for them."""
    await store_bars(connection, "main", market)
    assert_equal(await load_columns(connection, "main"), market)
    monkeypatch.setattr(bar_rows, "_CHUNK_BYTES", 1_000)
    monkeypatch.setattr(bars_module, "ROOM_WORKSPACE", 1)
    assert_equal(await load_columns(connection, "main"), market)


async def test_workspaces_do_not_see_each_other(connection: asyncpg.Connection, market: BarColumns) -> None:
    """Even where their Symbols were stored in turns, and have the same codes."""
    halves = [market.symbol % 2 == side for side in (0, 1)]
    for half in halves:
        kept = np.unique(market.symbol[half])
        for workspace in ("main", "demo"):
            listings = tuple(market.listings[column] for column in kept)
            columns = {name: getattr(market, name)[half] for name in BAR_COLUMNS}
            columns["symbol"] = np.searchsorted(kept, columns["symbol"]).astype(np.int32)
            columns["close"] = columns["close"] + (workspace == "demo")
            await store_bars(connection, workspace, BarColumns(listings, **columns))
    assert_equal(await load_columns(connection, "main"), market)
    assert_equal(await load_columns(connection, "demo"), replace(market, close=market.close + 1))


async def test_symbols_without_bars_are_left_out_and_codes_stand_in_order(connection: asyncpg.Connection) -> None:
    """By their bytes, as Python sorts them, whatever the database's collation."""
    day = np.array([LAST], dtype="datetime64[D]")
    one, flags = np.ones(1), np.zeros(1, np.uint8)
    zero = np.zeros(1, np.int32)
    for code in ("B", "A_C", "AAC", "A-C", "00104K", "005930"):
        listing = (Listing(Symbol(code), name=f"name of {code}"),)
        await store_bars(connection, "main", BarColumns(listing, zero, day, one, one, one, one, one, one, flags))
    await store_symbol(connection, "main", Listing(Symbol("AAB")))
    bars = await load_columns(connection, "main")
    codes = [listing.symbol for listing in bars.listings]
    assert codes == sorted(codes) == ["00104K", "005930", "A-C", "AAC", "A_C", "B"]
    assert bars.listings[0].name == "name of 00104K"
    assert bars.symbol.tolist() == list(range(6))


async def test_an_empty_workspace_has_no_bars(connection: asyncpg.Connection) -> None:
    for workspace in ("main", "nowhere"):
        bars = await load_columns(connection, workspace)
        assert (bars.listings, len(bars)) == ((), 0)
        assert build_panel(bars).sessions.size == 0


async def test_older_bars_can_be_left_out(connection: asyncpg.Connection, market: BarColumns) -> None:
    await store_bars(connection, "main", market)
    since = market.day.max() - 20
    bars = await load_columns(connection, "main", since.item())
    assert bars.day.min() >= since
    assert len(bars) == np.count_nonzero(market.day >= since)


async def test_the_newest_sessions_are_found_one_symbol_at_a_time(
    connection: asyncpg.Connection, market: BarColumns
) -> None:
    await store_bars(connection, "main", market)
    since = market.day.max() - 3
    newest = sorted_bars(await load_newest(connection, "main", since.item()))
    assert_equal(newest, await load_columns(connection, "main", since.item()))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database()
    await database.connect(database_url)
    yield database
    await database.close()


async def test_several_readers_see_one_snapshot(
    connection: asyncpg.Connection, database: Database, market: BarColumns
) -> None:
    """Three years on four connections; what is committed after the first looked is seen by none of them."""
    spread = replace(market, day=market.day - 400 * (market.symbol % 3).astype("timedelta64[D]"))
    await store_bars(connection, "main", spread)

    changes, one_at_a_time = itertools.count(), asyncio.Lock()

    @contextlib.asynccontextmanager
    async def changed_first() -> AsyncIterator[asyncpg.Connection]:
        async with one_at_a_time:
            await connection.execute("UPDATE bars_daily SET close = close + 1")
            next(changes)
        async with database.acquire() as reader:
            yield reader

    async with database.acquire() as first:
        async with first.transaction(isolation="repeatable_read", readonly=True):
            assert_equal(await load_columns(first, "main", more=changed_first), spread)
        others = next(changes)
        assert others == 3
        assert_equal(await load_columns(first, "main"), replace(spread, close=spread.close + others))


async def test_one_reader_will_do_where_no_more_are_to_be_had(
    connection: asyncpg.Connection, market: BarColumns
) -> None:
    def none_left() -> contextlib.AbstractAsyncContextManager[asyncpg.Connection]:
        raise DatabaseDown("all are taken")

    spread = replace(market, day=market.day - 400 * (market.symbol % 3).astype("timedelta64[D]"))
    await store_bars(connection, "main", spread)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert_equal(await load_columns(connection, "main", more=none_left), spread)


async def test_a_reader_that_is_lost_fails_them_all(
    connection: asyncpg.Connection, database: Database, market: BarColumns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a market is none: whoever asked is told, and no reader is left behind."""
    spread = replace(market, day=market.day - 400 * (market.symbol % 3).astype("timedelta64[D]"))
    await store_bars(connection, "main", spread)

    one_at_a_time = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def doomed() -> AsyncIterator[asyncpg.Connection]:
        async with database.acquire() as reader:
            async with one_at_a_time:
                await connection.execute("SELECT pg_terminate_backend($1)", reader.get_server_pid())
            yield reader

    with pytest.raises(DatabaseDown):
        async with database.acquire() as first, first.transaction(isolation="repeatable_read", readonly=True):
            await load_columns(first, "main", more=doomed)
    async with database.acquire() as first:
        assert_equal(await load_columns(first, "main"), spread)


async def test_a_panel_needs_no_order(connection: asyncpg.Connection, market: BarColumns) -> None:
    await store_bars(connection, "main", market)
    unsorted = await load_unsorted(connection, "main")
    assert (np.diff(unsorted.symbol) < 0).any()
    panel, expected = build_panel(unsorted), build_panel(market)
    assert panel.listings == expected.listings
    assert panel.rows.tobytes() == expected.rows.tobytes()
    assert all(panel.fields[name].tobytes() == expected.fields[name].tobytes() for name in panel.fields)


async def test_one_symbol_is_read_between_two_days(connection: asyncpg.Connection, market: BarColumns) -> None:
    await store_bars(connection, "main", market)
    own = market.symbol == 3
    bars = await load_bars(connection, "main", market.listings[3].symbol)
    assert bars.listings == (market.listings[3],)
    assert bars.symbol.tolist() == [0] * np.count_nonzero(own)
    for name in BAR_COLUMNS[1:]:
        assert getattr(bars, name).tobytes() == getattr(market, name)[own].tobytes()
    since, until = LAST - timedelta(days=30), LAST - timedelta(days=10)
    some = await load_bars(connection, "main", market.listings[3].symbol, since, until)
    wanted = own & (market.day >= np.datetime64(since)) & (market.day <= np.datetime64(until))
    assert some.close.tolist() == market.close[wanted].tolist()
    assert len(await load_bars(connection, "main", market.listings[3].symbol, until, since)) == 0


async def test_an_unknown_symbol_is_named(connection: asyncpg.Connection, market: BarColumns) -> None:
    await store_bars(connection, "main", market)
    for workspace, code in (("main", "999999"), ("demo", market.listings[0].symbol)):
        with pytest.raises(UnknownSymbol, match=f"no Symbol {code} in the workspace {workspace}"):
            await load_bars(connection, workspace, Symbol(code))


async def test_days_before_2000_and_odd_numbers_survive(connection: asyncpg.Connection) -> None:
    """Postgres counts days from 2000."""
    day = np.array(["1990-01-03", "1999-12-31", "2000-01-01"], dtype="datetime64[D]")
    odd = np.array([1e-300, 0.1, 1.7e308])
    listing = (Listing(Symbol("OLD")),)
    none = np.full(3, np.nan)
    flags = np.array([0, 7, 255], np.uint8)
    bars = BarColumns(listing, np.zeros(3, np.int32), day, odd, odd, odd, odd, odd, none, flags)
    await store_bars(connection, "main", bars)
    assert_equal(await load_columns(connection, "main"), bars)
    assert_equal(await load_bars(connection, "main", Symbol("OLD")), bars)


async def test_a_cancelled_read_leaves_a_usable_connection(connection: asyncpg.Connection, market: BarColumns) -> None:
    await store_bars(connection, "main", market)
    reading = asyncio.create_task(load_columns(connection, "main"))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert_equal(await load_columns(connection, "main"), market)
