"""Minute bars from files: instants as they are written, the row rules, stored once, and the Panel left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.brokers.files import read_minutes
from ralph.errors import BadFile, BadParameter
from ralph.market.flags import Flag
from ralph.market.minute_rules import FileMinutes
from ralph.market.symbol import Symbol
from ralph.store.bars import load_minutes
from ralph.store.minutes import import_minutes

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)


def read(folder: Path, text: str, timezone: str = "Asia/Seoul", encoding: str = "utf-8") -> FileMinutes:
    path = folder / "minutes.csv"
    path.write_text(text, encoding)
    return read_minutes(path, timezone=timezone, now=NOW)


def bars(*rows: str) -> str:
    return "symbol,time,open,high,low,close,volume\n" + "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("time", "2026-01-05 09:01"),
        ("datetime", "2026-01-05 09:01:00.000"),
        ("일시", "2026/1/5 9:01"),
        ("date", "2026.01.05 09:01:00"),
        ("ts", "2026-01-05T00:01:00Z"),
        ("ts", "2026-01-04T19:01-05:00"),
        ("ts", "202601050901"),
        ("체결시각", "20260105090100"),
        ("ts", "1767571260"),
        ("ts", "1767571260000"),
        ("일자,시간", "20260105,90100"),
        ("일자,시간", "2026-01-05,09:01"),
        ("date,time", "2026-01-05,0901"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_moment_is_understood_however_it_is_written(tmp_path: Path, header: str, cells: str, encoding: str) -> None:
    text = f"종목코드,{header},시가,고가,저가,종가,거래량\n005930,{cells},1,1,1,1,5\n"
    file = read(tmp_path, text, encoding=encoding)
    assert file.columns.opened_at.tolist() == [datetime(2026, 1, 5, 0, 1)], file.rejects  # noqa: DTZ001
    assert file.columns.listings[0].symbol == "005930"


def test_rows_that_break_a_rule_are_rejected_with_line_field_and_why(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        bars(
            "A,2026-01-05 09:00,1,1,1,1,5",
            "A,2026-01-05 09:00:30,1,1,1,1,5",
            "A,2026-13-05 09:00,1,1,1,1,5",
            "A,,1,1,1,1,5",
            "A,2026-11-20 21:01,1,1,1,1,5",
            "A,2026-01-05 09:01,-1,1,1,1,5",
            "A,2026-01-05 09:00,2,2,2,2,5",
            "A,2026-01-05 09:00,1,1,1,1,5",
            "?,2026-01-05 09:00,1,1,1,1,5",
            "M&M,2026-01-05 09:00,0,0,0,1,0",
        ),
    )
    assert [(reject.line, reject.field) for reject in file.rejects] == [
        (3, "time"), (4, "time"), (5, "time"), (6, "time"), (7, "open"), (8, "time"), (10, "symbol")
    ]  # fmt: skip
    assert [reject.reason for reject in file.rejects][2:4] == ["missing", "in the future"]
    assert (file.rows_read, len(file.columns), file.duplicates, file.rejected) == (10, 2, 1, 7)
    assert file.columns.flags.tolist() == [0, int(Flag.NO_TRADE)]


def test_a_time_that_a_zone_skips_or_has_twice_is_rejected(tmp_path: Path) -> None:
    text = bars(
        *(f"A,2026-{moment},1,1,1,1,5" for moment in ("03-08 02:30", "11-01 01:30", "11-01 12:00", "11-01 01:30-04:00"))
    )
    file = read(tmp_path, text, "America/New_York")
    assert [reject.line for reject in file.rejects] == [2, 3]
    assert [str(at) for at in file.columns.opened_at] == ["2026-11-01T05:30:00", "2026-11-01T17:00:00"]


def test_what_is_asked_for_wrongly_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="no time zone 'Mars'") as raised:
        read(tmp_path, bars("A,2026-01-05 09:00,1,1,1,1,5"), "Mars")
    assert raised.value.field == "timezone"
    with pytest.raises(BadFile, match="no column for time"):
        read(tmp_path, "symbol,open,high,low,close,volume\nA,1,1,1,1,5\n")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "?", "M&M", ""]),
            st.sampled_from(["2026-01-05 09:00", "2026-01-05 09:01", "x", "", "9", "2026-01-05", "17675712600"]),
            st.sampled_from(["1", "0", "-1", "", "x", "nan"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    file = read(tmp_path_factory.getbasetemp(), bars(*(f"{code},{at},{x},1,1,1,5" for code, at, x in rows)))
    assert file.rows_read == len(rows) == len(file.columns) + file.duplicates + file.rejected
    assert len(file.rejects) == file.rejected


@pytest.mark.anyio
async def test_minutes_are_stored_once_and_the_panel_does_not_hear_of_it(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    text = bars("A,2026-01-31 09:00,1,2,1,2,5", "A,2026-02-01 08:59,2,2,2,2,5", "B,2026-02-01 09:00,1,1,3,1,1")
    file = read(tmp_path, text, "UTC")
    first, second = [await import_minutes(connection, "main", file) for _ in range(2)]
    assert (first.stored, first.flagged, first.flags["inconsistent"], first.symbols_added) == (3, 1, 1, 2)
    assert (second.stored, second.updated, second.unchanged, second.flagged) == (0, 0, 3, 1)
    assert (first.kind, first.data_version, second.data_version) == ("minutes", "0", "0")
    stored = await load_minutes(connection, "main", Symbol("A"), FOREVER, 10)
    assert (stored.opened_at == file.columns.opened_at[:2]).all()
    assert stored.close.tolist() == [2, 2]
    changed = read(tmp_path, text.replace("2,2,2,2,5", "2,2,2,2,6"), "UTC")
    trial = await import_minutes(connection, "main", changed, dry_run=True)
    assert (trial.updated, trial.unchanged, trial.run_id) == (1, 2, None)
    report = await import_minutes(connection, "main", changed)
    assert (report.updated, report.unchanged) == (1, 2)


@pytest.mark.anyio
async def test_jumps_do_not_depend_on_the_order_of_files(connection: asyncpg.Connection, tmp_path: Path) -> None:
    prices = [100, 100, 200, 210, 90]
    rows = [f"A,2026-01-05 09:{at:02},{p},{p},{p},{p},{5 * (at != 3)}" for at, p in enumerate(prices)]
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 1, 3]):
        await connection.execute("TRUNCATE bars_minute")
        for at in order:
            await import_minutes(connection, "main", read(tmp_path, bars(rows[at])))
        flags = (await load_minutes(connection, "main", Symbol("A"), FOREVER, 10)).flags
        assert flags.tolist() == [0, 0, 4, 1, 4]
    assert (await import_minutes(connection, "main", read(tmp_path, bars(*rows)))).unchanged == 5


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "zone", "rows", "rejected"),
    [
        ("minute_bars", "Asia/Kolkata", 1_073_250, 6_750),
        ("crypto_1m", "UTC", 600_000, 0),
        ("crypto_5m", "UTC", 155_520, 0),
    ],
)
async def test_every_real_file_is_stored_whole(
    connection: asyncpg.Connection, shared_dir: Path, name: str, zone: str, rows: int, rejected: int
) -> None:
    """But for the bars of one index, whose name has a space in it and is no code."""
    path = shared_dir / "data" / f"{name}.parquet"
    file = read_minutes(path, timezone=zone)
    report = await import_minutes(connection, "main", file)
    assert (report.rows_read, report.stored, report.rejected) == (rows, rows - rejected, rejected)
    assert (await import_minutes(connection, "main", file)).unchanged == rows - rejected
    frame = pl.read_parquet(path)
    code = frame["symbol"][0]
    one = frame.filter(pl.col("symbol") == code).with_columns(pl.col("ts").dt.replace_time_zone(zone))
    stored = await load_minutes(connection, "main", Symbol(code), FOREVER, 10_000_000)
    assert np.array_equal(stored.close, one["close"].to_numpy())
    expected = one["ts"].dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy().astype("datetime64[s]")
    assert np.array_equal(stored.opened_at, expected)
