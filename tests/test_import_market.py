"""Real files imported whole: every row is accounted for, and the dirty sample is flagged as its README says."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import asyncpg
import msgspec
import numpy as np
import polars as pl
import pytest
from serving import environment

from ralph.brokers.files import read_bars, read_symbols
from ralph.market.flags import Flag
from ralph.store.ingest import import_bars
from ralph.store.master import import_symbols

TODAY = date(2026, 6, 1)


@pytest.mark.anyio
async def test_the_whole_market_is_accounted_for_and_a_second_run_changes_nothing(
    database_url: str, shared_dir: Path
) -> None:
    bars = read_bars(shared_dir / "data" / "krx_daily.parquet", today=TODAY)
    connection = await asyncpg.connect(database_url)
    first = await import_bars(connection, "main", bars)
    assert (first.rows_read, first.stored, first.rejected) == (1_232_014, 1_232_014, 0)
    assert first.symbols_added == 2_492
    second = await import_bars(connection, "main", bars)
    assert (second.unchanged, second.stored, second.updated, second.data_version) == (1_232_014, 0, 0, "1")
    assert await connection.fetchval("SELECT count(*) FROM bars_daily") == 1_232_014
    await connection.close()


def test_the_market_carries_the_flags_its_readme_describes(shared_dir: Path) -> None:
    path = shared_dir / "data" / "krx_daily.parquet"
    columns = read_bars(path, today=TODAY).columns
    noted = pl.read_parquet(path, columns=["flag"]).to_series().to_numpy()
    for flag in (Flag.NO_TRADE, Flag.INCONSISTENT):
        assert np.array_equal(columns.flags & flag, noted & flag)
    # The file measures jumps from the bar before, traded or not; ours from the traded one before.
    differs = np.flatnonzero((columns.flags & Flag.JUMP) != (noted & Flag.JUMP))
    still = (columns.flags & Flag.NO_TRADE) > 0
    assert bool(np.all(still[differs] | still[differs - 1]))
    assert int(((columns.flags & Flag.JUMP) > 0).sum()) == 41


def test_the_dirty_sample_is_flagged_row_by_row(shared_dir: Path) -> None:
    path = shared_dir / "data" / "krx_dirty_sample.parquet"
    bars = read_bars(path, today=TODAY)
    frame = pl.read_parquet(path).with_row_index("line", 2)
    zero = frame.filter(pl.col("close") <= 0)
    assert (bars.rows_read, bars.rejected) == (131_902, zero.height)
    assert {reject.line for reject in bars.rejects} == set(zero["line"])
    body = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")
    outside = frame.filter(pl.col("close") > 0, (pl.col("low") > body[0]) | (pl.col("high") < body[1]))
    assert set(bars.lines[(bars.columns.flags & Flag.INCONSISTENT) > 0].tolist()) == set(outside["line"])
    still = frame.filter(pl.col("close") > 0, pl.col("volume") == 0)
    assert set(bars.lines[(bars.columns.flags & Flag.NO_TRADE) > 0].tolist()) == set(still["line"])


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("krx_daily_long", 2_964_041),
        ("krx_kosdaq_long", 1_386_028),
        ("krx_marcap", 441_250),
        ("krx_dirty_sample", 131_902),
        ("us_daily", 568_461),
    ],
)
async def test_every_file_of_daily_bars_is_stored_and_accounted_for(
    database_url: str, shared_dir: Path, name: str, rows: int
) -> None:
    bars = read_bars(shared_dir / "data" / f"{name}.parquet", today=TODAY)
    connection = await asyncpg.connect(database_url)
    report = await import_bars(connection, "main", bars)
    assert (report.rows_read, report.stored) == (rows, rows - report.rejected)
    assert await connection.fetchval("SELECT count(*) FROM bars_daily WHERE flags <> 0") == report.flagged
    await connection.close()


@pytest.mark.anyio
async def test_the_symbol_master_is_stored(database_url: str, shared_dir: Path) -> None:
    symbols = read_symbols(shared_dir / "data" / "krx_symbols.parquet")
    connection = await asyncpg.connect(database_url)
    assert (await import_symbols(connection, "main", symbols)).stored == 6_971
    assert (await import_symbols(connection, "main", symbols)).unchanged == 6_971
    await connection.close()


@pytest.mark.long
def test_five_million_rows_of_csv_take_less_than_1500_megabytes(tmp_path: Path) -> None:
    """The peak of the command that reads, checks and stores them, and of each of its servers."""
    days = pl.Series("date", np.busday_offset("2026-05-29", np.arange(-2_499, 1), roll="backward"))
    codes = pl.Series("symbol", [f"B{number:05}" for number in range(2_000)])
    price = pl.int_range(pl.len()) % 9_000 + 1_000
    rows = codes.to_frame().join(days.to_frame(), how="cross").with_columns(price.alias("close"))
    bars = rows.with_columns(
        (pl.col("close") + 3).alias("open"), (pl.col("close") + 9).alias("high"), pl.lit(900).alias("low")
    )
    bars.with_columns(pl.col("close").alias("volume")).write_csv(tmp_path / "bars.csv")
    command = [sys.executable, "-m", "ralph", "import", "bars", str(tmp_path / "bars.csv"), "--json"]
    with (tmp_path / "told.json").open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stdin=subprocess.DEVNULL, env=environment(tmp_path / "home"))
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    (report,) = msgspec.json.decode((tmp_path / "told.json").read_bytes())
    assert report["stored"] == 5_000_000
    assert used.ru_maxrss < 1_500_000  # KB
