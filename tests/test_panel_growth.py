"""A Panel's cache that grows by a Session: written by pieces, killed at any moment, with what was said of shares."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel_bars import assert_same
from panel_writer import MARKET, SESSIONS, grow_for_ever, sessions

from ralph.brokers.files import read_dated
from ralph.market.append import GROWN, Growth, append, each_session
from ralph.market.capital import Capital
from ralph.market.columns import BAR_COLUMNS, BarColumns, build_panel
from ralph.market.rules import simulated_bars
from ralph.store.dated import import_dated
from ralph.store.ingest import import_bars
from ralph.store.panels import PanelStore


@given(size=st.integers(1, 4_000), rests=st.sets(st.integers(0, 19), max_size=19))
def test_pieces_of_any_size_are_the_whole(size: int, rests: set[int]) -> None:
    """Whoever rests on that day."""
    *_, last = each_session(sessions(0, SESSIONS))
    trades = ~np.isin(last.symbol, sorted(rests))
    last = replace(last, volume=np.where(trades, last.volume, 0.0))
    growth = Growth(build_panel(sessions(0, SESSIONS - 1)), last)
    for name in GROWN:
        pieces = [piece.copy() for piece in growth.rows_at_once(name, size)]
        assert np.concatenate(pieces).tobytes() == growth.whole(name).tobytes()


def said(days: list[int], columns: list[int], shares: float) -> Capital:
    """Shares of some columns on some days each."""
    column = np.repeat(np.array(columns, dtype=np.int32), len(days))
    day = np.tile(np.array(days, dtype="datetime64[D]"), len(columns))
    return Capital(column, day, np.full(day.size, shares), np.full(day.size, np.nan))


def test_what_is_said_anew_replaces_what_was_said_since_that_day() -> None:
    """And all that was said of columns that are new; the order stays by column and day."""
    older = said([1, 2, 3], [0, 1, 2], 5.0)
    newer = said([3, 4], [0, 2], 7.0)
    found = older.renewed(np.datetime64(3, "D"), newer, np.array([1]))
    told = list(zip(found.column.tolist(), found.day.astype(int).tolist(), found.shares.tolist(), strict=True))
    assert told == [
        *((0, 1, 5.0), (0, 2, 5.0), (0, 3, 7.0), (0, 4, 7.0)),
        *((2, 1, 5.0), (2, 2, 5.0), (2, 3, 7.0), (2, 4, 7.0)),
    ]


@pytest.mark.anyio
async def test_shares_grow_with_the_bars(connection: asyncpg.Connection, tmp_path: Path) -> None:
    """Also those of a Symbol that was known before it had bars; grown and built anew, the Panel has the same."""
    await import_bars(connection, "main", simulated_bars(without(sessions(0, 28), 4), "first"))
    await shares(connection, tmp_path, (27, 28))
    await PanelStore(tmp_path / "grown").load(connection, "main")
    await import_bars(connection, "main", simulated_bars(sessions(28, 30), "more"))
    await shares(connection, tmp_path, (29,))
    grown = await PanelStore(tmp_path / "grown").load(connection, "main")
    anew = await PanelStore(tmp_path / "anew").load(connection, "main")
    assert_same(grown, anew)
    assert np.unique(grown.capital.column).size == len(MARKET.listings)
    for name in ("column", "day", "shares", "market_cap"):
        assert getattr(grown.capital, name).tobytes() == getattr(anew.capital, name).tobytes(), name


def without(bars: BarColumns, column: int) -> BarColumns:
    kept = bars.symbol != column
    return replace(bars, **{name: getattr(bars, name)[kept] for name in BAR_COLUMNS})


async def shares(connection: asyncpg.Connection, folder: Path, numbers: tuple[int, ...]) -> None:
    """Each Symbol's shares on some Sessions, by file."""
    days = np.unique(MARKET.day)
    rows = [f"{each.symbol},{days[at]},{1_000 + at}" for at in numbers for each in MARKET.listings]
    file = folder / "shares.csv"
    file.write_text("symbol,date,shares\n" + "\n".join(rows) + "\n")
    await import_dated(connection, "main", read_dated(file, "shares", today=datetime.now(UTC).date()))


@pytest.mark.anyio
@pytest.mark.parametrize("kills", [1, pytest.param(25, marks=pytest.mark.long)])
async def test_a_writer_killed_at_any_moment_leaves_no_torn_panel(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path, kills: int
) -> None:
    """Who comes after it has what Postgres has, from its files or built anew."""
    await import_bars(connection, "main", simulated_bars(sessions(0, 5), "first"))
    chance = random.Random(7)
    for kill in range(kills):
        left = drafts(tmp_path)
        writer = multiprocessing.get_context("spawn").Process(
            target=grow_for_ever, args=(database_url, str(tmp_path / "grown"))
        )
        writer.start()
        await asyncio.to_thread(wait_for_a_draft, writer, tmp_path, left)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        writer.kill()
        await asyncio.to_thread(writer.join)
        grown = await PanelStore(tmp_path / "grown").load(connection, "main")
        assert_same(grown, await PanelStore(tmp_path / str(kill)).load(connection, "main"))


def drafts(folder: Path) -> set[Path]:
    return set((folder / "grown" / "main").glob(".new-*"))


def wait_for_a_draft(writer: BaseProcess, folder: Path, left: set[Path]) -> None:
    """Of a Panel that is being written now, unless there is nothing left to write."""
    while writer.is_alive() and not drafts(folder) - left:
        time.sleep(0.001)


def test_a_session_of_nobody_known_before_is_appended() -> None:
    """A market may begin with a Session on which nobody traded."""
    first, second = list(each_session(sessions(0, 2)))
    empty = build_panel(replace(first, volume=np.zeros(len(first))))
    both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in BAR_COLUMNS}
    both["volume"][: len(first)] = 0.0
    assert first.listings == second.listings
    assert_same(append(empty, second, data_version="0"), build_panel(BarColumns(first.listings, **both)))
