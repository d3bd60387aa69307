"""TimescaleDB: with RALPH_TEST_TIMESCALE_URL all tests of the store use it, and these say that they do."""

from __future__ import annotations

from datetime import date

import asyncpg
import numpy as np
import pytest
from conftest import TIMESCALE_URL
from test_ingest import file_of

from ralph.market.symbol import Symbol
from ralph.store.bars import load_bars
from ralph.store.ingest import import_bars
from ralph.store.storage import bar_storage

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(TIMESCALE_URL is None, reason="no TimescaleDB: RALPH_TEST_TIMESCALE_URL names none"),
]
_HYPERTABLES = "SELECT hypertable_name::text FROM timescaledb_information.hypertables"
_POLICIES = "SELECT DISTINCT proc_name::text FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL"


async def test_bars_lie_in_hypertables(database_url: str) -> None:
    """And come out as they went in."""
    connection = await asyncpg.connect(database_url)
    assert (await bar_storage(connection)).kind == "timescaledb"
    names = {row[0] for row in await connection.fetch(_HYPERTABLES)}
    assert {"bars_daily", "bars_minute"} <= names
    bars = [("005930", day, 100.0 + day, 1_000.0) for day in (0, 1, 3)]
    await import_bars(connection, "main", file_of(*bars))
    found = await load_bars(connection, "main", Symbol("005930"))
    assert found.close.tolist() == [100.0, 101.0, 103.0]
    assert found.day[0] == np.datetime64(date(2025, 12, 29))
    await connection.close()


async def test_nothing_is_removed_by_a_policy_of_the_database(database_url: str) -> None:
    """Retention is Ralph's, which asks first."""
    connection = await asyncpg.connect(database_url)
    policies = {row[0] for row in await connection.fetch(_POLICIES)}
    assert "policy_retention" not in policies
    await connection.close()
