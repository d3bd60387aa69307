"""The same queries over hypertables: on a server with TimescaleDB, whose address RALPH_TEST_TIMESCALE_URL gives."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import numpy as np
import pytest
from panel_bars import assert_same

from ralph.config import QualityConfig
from ralph.jobs.quality import run_quality
from ralph.market.calendar import PUBLISHED
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.rules import flag_rows, simulated_bars
from ralph.simulator.market import simulate
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.migrate import migrate
from ralph.store.panels import PanelStore
from ralph.store.storage import bar_storage

SERVER = os.environ.get("RALPH_TEST_TIMESCALE_URL", "")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not SERVER, reason="RALPH_TEST_TIMESCALE_URL names no server with TimescaleDB"),
]


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    """A fresh, migrated one on that server, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    server = await asyncpg.connect(SERVER)
    await server.execute(f"CREATE DATABASE {name}")
    found = Database()
    await found.connect(urlunsplit(urlsplit(SERVER)._replace(path=f"/{name}")))
    async with found.acquire() as connection:
        await migrate(connection)
    yield found
    await found.close()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def test_bars_are_stored_in_hypertables(database: Database) -> None:
    async with database.acquire() as connection:
        assert (await bar_storage(connection)).kind == "timescaledb"


async def test_bars_are_stored_corrected_read_and_grown_as_in_partitions(database: Database, tmp_path: Path) -> None:
    """Over the turn of three years; the Panel that grew, the one built anew and the one in memory are the same."""
    market = simulate(3, date(2026, 1, 9), 550, 20)
    days = np.unique(market.day)
    async with database.acquire() as connection:
        for first, last in ((0, 548), (548, 549), (549, 550)):
            await import_bars(connection, "main", simulated_bars(cut(market, days[first:last]), "part"))
            grown = await PanelStore(tmp_path / "grown").load(connection, "main", database.acquire)
        anew = await PanelStore(tmp_path / "anew").load(connection, "main", database.acquire)
        assert_same(grown, anew)
        assert_same(anew, build_panel(replace(market, listings=anew.listings, flags=flag_rows(market))))
        corrected = cut(market, days[100:101])
        report = await import_bars(
            connection, "main", simulated_bars(replace(corrected, volume=corrected.volume * 2), "fix")
        )
        assert report.updated == int((corrected.volume > 0).sum())
        panel = await PanelStore(tmp_path / "grown").load(connection, "main", database.acquire)
        assert not np.array_equal(panel.fields["volume"], anew.fields["volume"], equal_nan=True)
    run = await run_quality(database, "main", PUBLISHED, QualityConfig())
    assert run.bars == len(market)


def cut(market: BarColumns, days: np.ndarray) -> BarColumns:
    """The bars of some days, with all listings."""
    rows = np.isin(market.day, days)
    return replace(market, **{name: getattr(market, name)[rows] for name in BAR_COLUMNS})
