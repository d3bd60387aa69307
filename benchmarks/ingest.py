"""P1-P5: bars into Postgres, out of it, and out of the Panel's memory map; and, told beside them, how long a Panel
takes to be rebuilt and to grow by a Session."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import asyncpg
import numpy as np

from benchmarks.goal import Goal, Side, interleaved
from benchmarks.market import embedded, random_bars
from ralph.market.columns import BarColumns
from ralph.market.panel import Panel
from ralph.market.rules import simulated_bars
from ralph.market.symbol import Symbol
from ralph.store.bars import load_bars, load_columns
from ralph.store.database import Database
from ralph.store.ingest import import_bars
from ralph.store.migrate import migrate
from ralph.store.panels import PanelStore
from ralph.store.symbols import ensure_symbols
from ralph.store.wire import WireColumn, copy_columns

SYMBOLS, SESSIONS = 2_900, 2_500
FILLED = 2_800 * SESSIONS  # rows whose way in is measured; the others follow
UNIVERSE_SESSIONS = 260
COPY_ROWS = 500_000
FIELDS = ("open", "high", "low", "close", "volume", "value")
COLUMNS = ("symbol_id", "session_on", *FIELDS, "flags", "source_id", "adjusted")

_TARGET = "CREATE TABLE copied (LIKE bars_daily)"
_RECORDS = """
    SELECT symbol_id, session_on, open, high, low, close, volume, value, flags
      FROM bars_daily
     WHERE session_on >= $1
  ORDER BY symbol_id, session_on
"""
_ALL = "SELECT symbol_id, session_on, open, high, low, close, volume, value, flags, adjusted FROM bars_daily"
_TOUCH = "UPDATE workspaces SET data_version = data_version + 1 WHERE name = 'main'"


async def measure() -> list[Goal]:
    """P1-P5 over 2,900 symbols and 2,500 sessions, in an embedded Postgres."""
    bars = random_bars(SYMBOLS, SESSIONS)
    async with embedded() as (folder, servers):
        connection = await asyncpg.connect(servers.database_url)
        try:
            await migrate(connection)
            ids, _, _ = await ensure_symbols(connection, 1, bars.listings)
            goals = [await _copy_speed(connection, bars, ids), await _fill(connection, bars, ids)]
            await connection.execute(_TOUCH)
            await connection.execute("VACUUM ANALYZE bars_daily")
            goals.append(await _universe(connection, bars))
            goals += await _panel(connection, folder / "panel", bars)
            await _grow(servers.database_url, connection, folder / "panel")
        finally:
            await connection.close()
    return goals


def _wire(bars: BarColumns, ids: np.ndarray, rows: slice) -> list[WireColumn]:
    length = len(bars.symbol[rows])
    numbers = [WireColumn(name, "float8", getattr(bars, name)[rows]) for name in FIELDS]
    return [
        WireColumn("symbol_id", "int4", ids[bars.symbol[rows]]),
        WireColumn("session_on", "date", bars.day[rows]),
        *numbers,
        WireColumn("flags", "int2", bars.flags[rows]),
        WireColumn("source_id", "int2", np.ones(length, dtype=np.int16)),
        WireColumn("adjusted", "bool", np.ones(length, dtype=np.bool_)),
    ]


async def _copy_speed(connection: asyncpg.Connection, bars: BarColumns, ids: np.ndarray) -> Goal:
    """Both sides start from the same arrays and end with the same rows in a table without an index."""
    await connection.execute(_TARGET)
    rows = slice(0, COPY_ROWS)

    async def ours() -> None:
        await copy_columns(connection, "copied", _wire(bars, ids, rows), lambda done: None)

    async def theirs() -> None:
        await connection.copy_records_to_table("copied", records=_tuples(bars, ids, rows), columns=COLUMNS)

    async def empty() -> None:
        await connection.execute("TRUNCATE copied")

    mine, other = await interleaved(Side(ours, empty), Side(theirs, empty))
    await connection.execute("DROP TABLE copied")
    return Goal("P1", other / mine, 1.5, None, "higher", "x")


def _tuples(bars: BarColumns, ids: np.ndarray, rows: slice) -> Sequence[tuple[object, ...]]:
    length = len(bars.symbol[rows])
    columns = [ids[bars.symbol[rows]].tolist(), bars.day[rows].tolist()]
    columns += [getattr(bars, name)[rows].tolist() for name in FIELDS]
    columns += [bars.flags[rows].tolist(), [1] * length, [True] * length]
    return list(zip(*columns, strict=True))


async def _fill(connection: asyncpg.Connection, bars: BarColumns, ids: np.ndarray) -> Goal:
    """All bars into the partitioned table with its primary key."""
    years = np.unique(bars.day.astype("datetime64[Y]")).astype(int) + 1970
    for year in years.tolist():
        await connection.execute("SELECT ensure_daily_partition($1)", year)

    async def fill() -> None:
        await copy_columns(connection, "bars_daily", _wire(bars, ids, slice(FILLED)), lambda done: None)

    async def empty() -> None:
        await connection.execute("TRUNCATE bars_daily")
        await connection.execute("CHECKPOINT")

    (seconds,) = await interleaved(Side(fill, empty))
    await copy_columns(connection, "bars_daily", _wire(bars, ids, slice(FILLED, None)), lambda done: None)
    return Goal("P2", seconds, 20, None, "lower", "s")


async def _universe(connection: asyncpg.Connection, bars: BarColumns) -> Goal:
    """The last 260 Sessions of the whole market as columns, by COPY and from records: both sides end with arrays."""
    since: date = np.unique(bars.day)[-UNIVERSE_SESSIONS].astype(object)

    async def ours() -> None:
        assert len(await load_columns(connection, "main", since)) == SYMBOLS * UNIVERSE_SESSIONS

    async def theirs() -> None:
        records = await connection.fetch(_RECORDS, since)
        columns = [np.array(column) for column in zip(*records, strict=True)]
        assert columns[0].size == SYMBOLS * UNIVERSE_SESSIONS

    mine, other = await interleaved(Side(ours), Side(theirs))
    return Goal("P3", other / mine, 4, None, "higher", "x")


async def _panel(connection: asyncpg.Connection, folder: Path, bars: BarColumns) -> list[Goal]:
    """The mapped Panel, and one Symbol of 2,500 bars from Postgres and from the Panel."""
    panel = await PanelStore(folder).load(connection, "main")
    symbol = Symbol(bars.listings[SYMBOLS // 2].symbol)

    async def mapped() -> None:
        assert (await PanelStore(folder).load(connection, "main")).bar_count == SESSIONS

    async def from_postgres() -> None:
        assert len(await load_bars(connection, "main", symbol)) == SESSIONS

    async def from_panel() -> None:
        view, column = panel.as_of(), panel.columns[symbol]
        assert all(view.field(name)[:, column].copy().size == SESSIONS for name in FIELDS[:5])

    seconds = await interleaved(Side(mapped), Side(from_postgres), Side(from_panel), repetitions=15)
    names, musts = ("P4", "P5.postgres", "P5.panel"), (20, 10, 1)
    return [
        Goal(name, taken * 1e3, must, None, "lower", "ms")
        for name, taken, must in zip(names, seconds, musts, strict=True)
    ]


async def _grow(url: str, connection: asyncpg.Connection, folder: Path) -> None:
    """Rebuilt from Postgres, beside one COPY of the same rows that nobody keeps; and grown by a Session on which a
    tenth rests, from the commit of its bars on, beside a copy of the same files."""
    database = Database()
    await database.connect(url)
    store = PanelStore(folder)
    try:
        panel = await store.load(connection, "main")

        async def rebuilt() -> None:
            await store.rebuild(connection, "main", database.acquire)

        async def thrown_away() -> None:
            await connection.copy_from_query(_ALL, output=_nowhere, format="binary", timeout=300)

        async def imported() -> None:
            await import_bars(connection, "main", simulated_bars(_next_session(panel), "session"))

        async def grown() -> None:
            nonlocal panel
            panel = await store.load(connection, "main")

        async def copied() -> None:
            shutil.copytree(folder / "main" / panel.data_version, folder / "copy")
            shutil.rmtree(folder / "copy")

        ours, one_copy = await interleaved(Side(rebuilt), Side(thrown_away), repetitions=3)
        size = f"a Panel of {len(panel.listings):,} x {panel.sessions.size:,}"
        _note(f"{size} is rebuilt in {ours:.2f} s (must 5); one COPY of its rows, thrown away, takes {one_copy:.2f} s")
        ours, files = await interleaved(Side(grown, imported), Side(copied))
        _note(
            f"it grows by a Session in {ours * 1e3:.0f} ms (must 200); copytree of its files takes {files * 1e3:.0f} ms"
        )
    finally:
        await database.close()


async def _nowhere(piece: bytes) -> None:
    """Where bytes go that nobody keeps."""


def _next_session(panel: Panel) -> BarColumns:
    """Bars of nine in ten Symbols on the day after the newest Session."""
    traded = np.flatnonzero(np.arange(len(panel.listings)) % 10 > 0)
    close = panel.fields["close"][-1, traded]
    return BarColumns(
        listings=tuple(panel.listings[column] for column in traded),
        symbol=np.arange(traded.size, dtype=np.int32),
        day=np.full(traded.size, panel.sessions[-1] + 1),
        open=close,
        high=close + 10,
        low=close - 10,
        close=close,
        volume=np.full(traded.size, 1_000.0),
        value=np.full(traded.size, np.nan),
        flags=np.zeros(traded.size, dtype=np.uint8),
    )


def _note(text: str) -> None:
    print(f"ingest: {text}", file=sys.stderr)
