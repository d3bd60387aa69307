"""Listed shares, flows and index bars from files: read by the rules, stored once, the real files whole."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.brokers.files import read_dated, read_symbols
from ralph.errors import BadFile, NotFound
from ralph.market.dated import DatedKind, FileDated
from ralph.store.dated import import_dated
from ralph.store.master import import_symbols

TODAY = date(2026, 11, 20)


def read(folder: Path, kind: DatedKind, text: str, encoding: str = "utf-8") -> FileDated:
    path = folder / "file.csv"
    path.write_text(text, encoding=encoding)
    return read_dated(path, kind, today=TODAY)


def test_rows_that_break_a_rule_are_rejected_with_the_field_and_why(tmp_path: Path) -> None:
    text = (
        "종목코드,일자,상장주식수,시가총액\n005930,2026-01-05,100,\n,2026-01-05,1,\n005930,x,1,\n005930,2027-01-01,1,\n"
    )
    text += "005930,2026-01-06,-1,\n005930,2026-01-07,many,\n005930,2026-01-08,,\n005930,2026-01-05,100,\n"
    text += '005930,2026-01-05,200,\n000660,2026-01-05,"1,000","2,000,000"\n005930,1800-01-01,1,\n'
    file = read(tmp_path, "shares", text, "cp949")
    assert (file.rows_read, len(file.rows), file.duplicates, file.rejected) == (11, 2, 1, 8)
    assert [(reject.line, reject.field) for reject in file.rejects] == [
        (3, "symbol"), (4, "date"), (5, "date"), (6, "shares"), (7, "shares"), (8, "shares"), (10, "date"), (12, "date")
    ]  # fmt: skip
    assert [file.rows.keys[key] for key in file.rows.key] == ["000660", "005930"]
    assert file.rows.numbers["market_cap"][0] == 2_000_000
    assert math.isnan(file.rows.numbers["market_cap"][1])


def test_a_file_without_dates_is_read_as_of_a_day(tmp_path: Path) -> None:
    text = "symbol,shares\n005930,100\n"
    with pytest.raises(BadFile, match="no column for date"):
        read(tmp_path, "shares", text)
    rows = read_dated(tmp_path / "file.csv", "shares", as_of=date(2026, 3, 20), today=TODAY).rows
    assert rows.day.tolist() == [date(2026, 3, 20)]


cell = st.sampled_from(["", "1", "-5", "x", "1e30", "2026-01-05", "2999-01-01", "005930", "삼성", "1,000", "nan"])


@given(st.lists(st.tuples(cell, cell, cell, cell), min_size=1, max_size=20), st.sampled_from(["shares", "flows"]))
def test_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], kind: DatedKind
) -> None:
    names = {"shares": "shares,market_cap", "flows": "foreign_net,inst_net_value"}[kind]
    text = f"symbol,date,{names}\n" + "".join(",".join(f'"{text}"' for text in row) + "\n" for row in rows)
    file = read(tmp_path_factory.getbasetemp(), kind, text)
    assert file.rows_read == len(rows) == len(file.rows) + file.duplicates + file.rejected
    assert len(file.rejects) == file.rejected


def test_a_file_without_any_of_the_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no column for any of shares, market_cap"):
        read(tmp_path, "shares", "symbol,date\nA,2026-01-05\n")


@pytest.mark.anyio
async def test_flows_in_won_and_in_shares_come_together_and_twice_changes_nothing(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    won = read(tmp_path, "flows", "symbol,date,foreign_net_value,inst_net_value\n005930,2026-01-05,-5000,700\n")
    shares = read(tmp_path, "flows", "종목코드,일자,외국인순매수,기관순매수,외국인보유주수\n005930,20260105,-5,7,99\n")
    for file, expected in ((won, (1, 0, 0)), (shares, (0, 1, 0)), (won, (0, 0, 1)), (shares, (0, 0, 1))):
        report = await import_dated(connection, "main", file)
        assert (report.stored, report.updated, report.unchanged) == expected
    assert report.data_version == "2", "twice something changed"
    assert "won" in won.notes[-1]
    row = await connection.fetchrow("SELECT * FROM flows_daily")
    assert (row["foreign_value"], row["institution_value"], row["foreign_shares"]) == (-5000, 700, -5)
    assert (row["institution_shares"], row["foreign_held"]) == (7, 99)
    assert math.isnan(row["individual_value"])


@pytest.mark.anyio
async def test_rows_that_only_continue_are_stored_as_those_that_are_merged(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """ "demo" has the newest row first, so that the older ones are merged."""
    older = read(tmp_path, "shares", "symbol,date,shares\nA,2026-01-05,5\nA,2026-01-06,6\nB,2026-01-07,7\n")
    newer = read(tmp_path, "shares", "symbol,date,shares\nA,2026-01-08,8\nB,2026-01-08,9\nC,2026-01-02,1\n")
    for file, workspace in ((older, "main"), (newer, "main"), (newer, "demo"), (older, "demo")):
        report = await import_dated(connection, workspace, file)
        assert (report.stored, report.updated, report.unchanged) == (3, 0, 0)
        again = await import_dated(connection, workspace, file)
        assert (again.stored, again.updated, again.unchanged) == (0, 0, 3)
    rows = await connection.fetch("""
          SELECT workspace_id, code, session_on, shares, market_cap::text, source_id
            FROM symbol_shares
            JOIN symbols ON id = symbol_id
        ORDER BY workspace_id, code, session_on
    """)
    stored = [tuple(row)[1:] for row in rows]
    assert stored[:6] == stored[6:]
    assert [row[2] for row in stored[:6]] == [5, 6, 8, 7, 9, 1]
    first = await connection.fetch("SELECT min(since) FROM workspace_changes GROUP BY workspace_id")
    assert [row["min"] for row in first] == [date(2026, 1, 2)] * 2


@pytest.mark.anyio
async def test_index_bars_are_kept_by_index_and_need_a_close_only(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    text = "지수명,일자,시가,고가,저가,종가\n코스피,2026-01-05,1,3,1,2\n코스닥,2026-01-05,,,,7\nKOSPI,2026-01-06,,,,\n"
    file = read(tmp_path, "index", text)
    assert [(reject.line, reject.field) for reject in file.rejects] == [(4, "close")]
    dry = await import_dated(connection, "main", file, dry_run=True)
    report = await import_dated(connection, "main", file)
    assert (dry.stored, dry.run_id, report.stored) == (2, None, 2)
    rows = await connection.fetch(
        "SELECT code, close, high FROM index_bars JOIN indices ON id = index_id ORDER BY code"
    )
    assert [(row["code"], row["close"]) for row in rows] == [("KOSDAQ", 7.0), ("KOSPI", 2.0)]
    with pytest.raises(NotFound, match="no workspace"):
        await import_dated(connection, "nowhere", file)


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "kind", "rows"),
    [
        ("krx_marcap", "shares", 441_250),
        ("krx_flows", "flows", 45_644),
        ("krx_flows_shares", "flows", 14_492),
        ("krx_index", "index", 24_666),
        ("krx_market_flows", "market-flows", 597),
    ],
)
async def test_every_real_file_is_stored_whole(
    connection: asyncpg.Connection, shared_dir: Path, name: str, kind: DatedKind, rows: int
) -> None:
    file = read_dated(shared_dir / "data" / f"{name}.parquet", kind, unit="eok" if kind == "market-flows" else None)
    report = await import_dated(connection, "main", file)
    assert (report.rows_read, report.stored, report.rejected) == (rows, rows, 0)
    assert (await import_dated(connection, "main", file)).unchanged == rows


@pytest.mark.long
@pytest.mark.anyio
async def test_the_real_history_of_names_and_markets_is_found(connection: asyncpg.Connection, shared_dir: Path) -> None:
    """Daily statistics of five years, then the master of a later day: moves are dated by the listing that restarts."""
    daily = read_symbols(shared_dir / "data" / "krx_marcap.parquet")
    master = read_symbols(shared_dir / "data" / "krx_symbols.parquet")
    await import_symbols(connection, "main", daily)
    await import_symbols(connection, "main", master, as_of=date(2026, 3, 22))
    assert (await import_symbols(connection, "main", daily)).unchanged == 441_250
    moves = "SELECT count(DISTINCT symbol_id) FROM symbol_history WHERE field = 'market' AND value = 'KONEX'"
    assert await connection.fetchval(moves) > 20
    dated = """
        SELECT count(*)
          FROM symbol_history h
          JOIN symbols s ON s.id = h.symbol_id AND s.listed_on = h.valid_from
         WHERE field = 'market' AND value = 'KOSPI'
           AND EXISTS (SELECT FROM symbol_history o WHERE o.symbol_id = h.symbol_id AND o.value = 'KOSDAQ')
    """
    assert await connection.fetchval(dated) > 3
