"""Reading stored minute bars: the newest of one Symbol, exactly as they were stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import numpy as np
import pytest

from ralph.api import bars as resource
from ralph.errors import UnknownSymbol
from ralph.market.calendar import PUBLISHED
from ralph.market.symbol import Symbol
from ralph.market.timeframes import Timeframe
from ralph.store.bars import load_minutes

pytestmark = pytest.mark.anyio

BEGIN = datetime(2026, 3, 31, 0, 0, tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)
ONE, OTHER = Symbol("005930"), Symbol("000660")


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Two Symbols with bars over the end of a month, one without any; far dates need all bits of the key."""
    connection = await asyncpg.connect(database_url)
    for month in (date(1999, 5, 1), date(2026, 3, 1), date(2026, 4, 1), date(2060, 1, 1)):
        await connection.execute("SELECT ensure_minute_partition($1)", month)
    for code in (ONE, OTHER, "035420"):
        await connection.execute("INSERT INTO symbols (workspace_id, code, market) VALUES (1, $1, 'KOSPI')", code)
    ids = dict(await connection.fetch("SELECT code, id FROM symbols"))
    instants = [BEGIN + timedelta(minutes=7 * index) for index in range(400)]
    instants += [datetime(1999, 5, 4, tzinfo=UTC), datetime(2060, 1, 5, 1, 2, tzinfo=UTC)]
    records = [
        (ids[code], at, 1.5 + index, 3.0 + index, 1.0, 2.5 + index, 10.0, float("nan"), index % 5, 1, True)
        for code in (ONE, OTHER)
        for index, at in enumerate(instants)
    ]
    await connection.copy_records_to_table("bars_minute", records=records)
    yield connection
    await connection.close()


async def test_the_newest_bars_come_in_order_and_unchanged(connection: asyncpg.Connection) -> None:
    minutes = await load_minutes(connection, "main", ONE, FOREVER, 1_000)
    assert len(minutes) == 402
    assert [listing.symbol for listing in minutes.listings] == [ONE]
    assert minutes.opened_at[0] == np.datetime64("1999-05-04T00:00")
    assert minutes.opened_at[-1] == np.datetime64("2060-01-05T01:02")
    inner = slice(1, 401)
    assert (minutes.opened_at[inner] == np.datetime64("2026-03-31") + 7 * np.arange(400).astype("m8[m]")).all()
    assert (minutes.open[inner] == 1.5 + np.arange(400)).all()
    assert (minutes.close[inner] == 2.5 + np.arange(400)).all()
    assert (minutes.flags[inner] == np.arange(400) % 5).all()
    assert np.isnan(minutes.value).all()
    assert (minutes.symbol == 0).all()


async def test_a_limit_keeps_the_newest_and_an_end_is_not_included(connection: asyncpg.Connection) -> None:
    end = BEGIN + timedelta(minutes=700)
    minutes = await load_minutes(connection, "main", ONE, end, 3)
    assert minutes.opened_at.tolist() == [
        (end - timedelta(minutes=7 * back)).replace(tzinfo=None) for back in (3, 2, 1)
    ]
    assert len(await load_minutes(connection, "main", Symbol("035420"), FOREVER, 3)) == 0
    with pytest.raises(UnknownSymbol, match="no Symbol 999999"):
        await load_minutes(connection, "main", Symbol("999999"), FOREVER, 3)


async def test_a_day_of_which_only_a_part_was_read_is_left_out(
    connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first frame would look whole and not be."""
    end = BEGIN + timedelta(days=1, hours=3)
    minutes = await load_minutes(connection, "main", ONE, end, 180)
    whole = resource._minute_frames(minutes, Timeframe("minute", 30), date(2026, 4, 1), PUBLISHED)
    monkeypatch.setattr(resource, "MINUTES_READ_MAX", 180)
    cut = resource._minute_frames(minutes, Timeframe("minute", 30), date(2026, 4, 1), PUBLISHED)
    assert not whole.is_cut
    assert cut.is_cut
    assert set(whole.session.tolist()) == {date(2026, 3, 31), date(2026, 4, 1)}
    assert set(cut.session.tolist()) == {date(2026, 4, 1)}
