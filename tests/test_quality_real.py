"""What a quality run says of real bars with known defects."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ralph.brokers.files import read_bars
from ralph.market.calendar import PUBLISHED
from ralph.market.columns import build_panel
from ralph.market.flags import Flag
from ralph.market.quality import Examination, coverage, examine
from ralph.market.rules import FileBars

TODAY = date(2026, 11, 21)
CPU_S_MAX = 5.0
INCONSISTENT_ROWS, ROUNDED_ROWS = 71_007, 4
LOST_DAY = date(2025, 9, 19)
STOPPED_ON = date(2025, 6, 16)


@pytest.fixture(scope="module")
def daily(shared_dir: Path) -> FileBars:
    return read_bars(shared_dir / "data" / "krx_daily.parquet", today=TODAY)


@pytest.fixture(scope="module")
def examined(daily: FileBars) -> Examination:
    return examine(daily.columns, PUBLISHED, TODAY)


def test_the_whole_market_is_looked_at_in_seconds(daily: FileBars, examined: Examination) -> None:
    """Of processor time: it takes about one."""
    begun = time.process_time()
    assert examine(daily.columns, PUBLISHED, TODAY).findings == examined.findings
    assert time.process_time() - begun < CPU_S_MAX
    assert examined.bars == 1_232_014
    assert examined.is_exchange


def test_the_lost_day_fails_the_gate(daily: FileBars, examined: Examination) -> None:
    """2025-09-19 has 4 Symbols. Besides it only the month after a thousand Symbols stopped fails."""
    failed = {each.session: each for each in examined.coverages if not each.passes}
    lost = failed.pop(LOST_DAY)
    assert lost.present == 4
    assert min(failed) == date(2025, 6, 17)
    assert len(failed) == 20
    panel = build_panel(daily.columns)
    assert coverage(panel, LOST_DAY) == lost
    assert coverage(panel, date(2026, 5, 29)).passes


def test_the_symbols_that_stopped_are_found(daily: FileBars, examined: Examination) -> None:
    """All whose last bar is of 2025-06-16, and nobody that goes on."""
    stopped = {each.symbol for each in examined.findings if each.kind == "stopped" and each.first_on > STOPPED_ON}
    columns = daily.columns
    last = np.full(len(columns.listings), np.datetime64("1900-01-01"))
    np.maximum.at(last, columns.symbol, columns.day)
    expected = {columns.listings[place].symbol for place in np.flatnonzero(last == np.datetime64(STOPPED_ON))}
    assert len(expected) == 1_000
    assert expected <= stopped
    assert len(stopped - expected) <= 1


def test_flags_agree_with_those_of_the_file(shared_dir: Path, daily: FileBars, examined: Examination) -> None:
    """Bit for bit; but a jump is measured from the close last traded at, where the file goes from row to row: a close
    that moves in a halt is no jump for us (and a finding of its own), and the first trade after it is measured anew."""
    frame = pl.read_parquet(shared_dir / "data" / "krx_daily.parquet").sort("symbol", "date")
    theirs = frame["flag"].to_numpy()
    ours = examined.flags
    for flag in (Flag.NO_TRADE, Flag.INCONSISTENT):
        np.testing.assert_array_equal(ours & flag, theirs & flag)
    assert np.count_nonzero(ours & Flag.INCONSISTENT) == 113
    differing = np.flatnonzero((ours ^ theirs) & Flag.JUMP)
    assert differing.size == 21
    halted = ours & Flag.NO_TRADE > 0
    assert (halted | np.roll(halted, 1))[differing].all()
    moved = {(each.symbol, each.first_on) for each in examined.findings if each.kind == "moved_in_halt"}
    columns = daily.columns
    ours_only_silent = differing[halted[differing]]
    assert moved == {
        (columns.listings[columns.symbol[row]].symbol, columns.day[row].item()) for row in ours_only_silent
    }
    assert ("000300", date(2025, 12, 4)) in moved, "the absurd prices of one Symbol"


def test_every_row_of_the_dirty_sample_is_flagged(shared_dir: Path) -> None:
    """71,007 of 131,902 rows are inconsistent, and 4 more by a rounding to single precision: each is flagged, or was
    rejected with its reason; no other is flagged."""
    path = shared_dir / "data" / "krx_dirty_sample.parquet"
    frame = pl.read_parquet(path).sort("symbol", "date")
    inconsistent = frame.select(
        (pl.col("high") < pl.max_horizontal("open", "close")) | (pl.col("low") > pl.min_horizontal("open", "close"))
    ).to_series()
    assert inconsistent.sum() == INCONSISTENT_ROWS + ROUNDED_ROWS
    read = read_bars(path, today=TODAY)
    assert read.rows_read == frame.height == len(read.columns) + read.rejected + read.duplicates
    expected = inconsistent.to_numpy()[read.lines - 2]
    flagged = read.columns.flags & Flag.INCONSISTENT > 0
    np.testing.assert_array_equal(flagged, expected)
    assert int(flagged.sum()) + read.rejected == INCONSISTENT_ROWS + ROUNDED_ROWS
    assert len(read.rejects) == read.rejected
    found = examine(read.columns, PUBLISHED, TODAY)
    np.testing.assert_array_equal(found.flags, read.columns.flags)
    assert sum(each.detail.bars for each in found.findings if each.kind == "inconsistent") == int(flagged.sum())
