"""Exports: what is stored comes out in three formats, and imports again to the same rows."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import fastexcel
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ralph.brokers.files.tables import open_table
from ralph.brokers.files.workbook import SHEET_ROWS_MAX, check_rows
from ralph.brokers.files.writing import TableWriter
from ralph.errors import BadFile, BadParameter, DataNotFound, NotFound, TooLarge, UnknownSymbol
from ralph.jobs.exports import ExportFormat, export_file
from ralph.jobs.imports import FileImport, ImportKind, import_file
from ralph.store import exports as store_exports
from ralph.store.database import Database
from ralph.store.exports import ExportOrder, codes_of

FORMATS: tuple[ExportFormat, ...] = ("csv", "parquet", "xlsx")

FILES: dict[ImportKind, str] = {
    "bars": "symbol,date,open,high,low,close,volume,value\n"
    "005930,2026-01-05,0.1,0.30000000000000004,0.1,0.2,12.5,\n005930,2026-01-06,0,0,0,0.2,0,0\n"
    "00104K,2026-01-05,900000000001,900000000001,1e-9,3,1e17,7\nA.B/C-D,1901-01-05,1,1,1,1,1,1\n",
    "flows": "symbol,date,foreign_value,institution_shares\n005930,2026-01-05,-5000,\n00104K,2026-01-05,,0.1\n",
    "shares": "symbol,date,shares,market_cap\n005930,2026-01-05,5969782550,\n00104K,2026-01-06,,123456789012345\n",
    "index": "index,date,open,high,low,close,volume\nKOSPI,2026-01-05,,,,2600.01,\nKOSDAQ,2026-01-05,1,2,1,2,9\n",
    "market-flows": "market,date,individual_value,pension_value\nKOSPI,2026-01-05,-1,\nKOSDAQ,2026-01-05,,3.5\n",
    "symbols": "symbol,name,name_en,market,kind,sector,industry,isin,state,listed_on,delisted_on\n"
    '005930,삼성전자,Samsung,KOSPI,common,"전기, 전자",반도체,KR7005930003,normal,1975-06-11,\n'
    '00104K,"CJ4우(""전환"") <&>",,KOSPI,preferred,,,,"halted, caution",,2026-01-05\n005935,,,,,,,,,,\n',
}

TABLES: dict[ImportKind, str] = {
    "bars": "SELECT code, to_jsonb(b) - 'symbol_id' AS r FROM bars_daily b JOIN symbols s ON s.id = symbol_id "
    "WHERE workspace_id = $1 ORDER BY 1, session_on",
    "flows": "SELECT code, to_jsonb(b) - 'symbol_id' AS r FROM flows_daily b JOIN symbols s ON s.id = symbol_id "
    "WHERE workspace_id = $1 ORDER BY 1, session_on",
    "shares": "SELECT code, to_jsonb(b) - 'symbol_id' AS r FROM symbol_shares b JOIN symbols s ON s.id = symbol_id "
    "WHERE workspace_id = $1 ORDER BY 1, session_on",
    "index": "SELECT code, to_jsonb(b) - 'index_id' AS r FROM index_bars b JOIN indices s ON s.id = index_id "
    "WHERE workspace_id = $1 ORDER BY 1, session_on",
    "market-flows": "SELECT code, to_jsonb(b) - 'market_id' AS r FROM market_flows_daily b "
    "JOIN markets s ON s.id = market_id WHERE workspace_id = $1 ORDER BY 1, session_on",
    "symbols": "SELECT code, to_jsonb(s) - 'id' - 'workspace_id' - 'updated_at' AS r FROM symbols s "
    "WHERE workspace_id = $1 ORDER BY 1",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With a third workspace, empty, to import exports into."""
    database = Database()
    await database.connect(database_url)
    async with database.acquire() as connection:
        await connection.execute("INSERT INTO workspaces (name, simulated) VALUES ('again', false)")
    yield database
    await database.close()


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def stored(connection: asyncpg.Connection, what: ImportKind, workspace: str) -> list[tuple[Any, ...]]:
    number = await connection.fetchval("SELECT id FROM workspaces WHERE name = $1", workspace)
    return [tuple(row) for row in await connection.fetch(TABLES[what], number)]


@pytest.mark.anyio
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("what", FILES)
async def test_an_exported_file_imports_to_the_same_rows(
    database: Database, tmp_path: Path, what: Any, form: ExportFormat
) -> None:
    source, path = tmp_path / "source.csv", tmp_path / f"out.{form}"
    source.write_text(FILES[what])
    first = await import_file(database, FileImport(source, what, "demo"))
    report = await export_file(database, ExportOrder(what, "demo"), form, path)
    assert (report.rows, report.rows, report.simulated) == (first.stored, first.rows_read, True)
    assert report.file_name == f"ralph-demo-simulated-{what}.{form}"
    again = await import_file(database, FileImport(path, what, "again"))
    assert (again.stored, again.rejected, again.rows_read) == (first.stored, 0, first.rows_read), again.rejects
    async with database.acquire() as connection:
        assert await stored(connection, what, "again") == await stored(connection, what, "demo")
    assert names_in(tmp_path) == sorted([source.name, path.name])


codes = st.from_regex(r"\A[A-Z0-9][A-Z0-9.:/_&-]{0,19}\Z")
prices = st.floats(1e-12, 1e12, allow_nan=False)
rows_of_bars = st.lists(st.tuples(codes, prices, st.floats(0, 1e18), st.none() | st.floats(0, 1e300)), min_size=1)


@given(rows=rows_of_bars, form=st.sampled_from(FORMATS), cut=st.integers(1, 5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_codes_and_numbers_survive_every_format(
    tmp_path_factory: pytest.TempPathFactory,
    rows: Sequence[tuple[str, float, float, float | None]],
    form: str,
    cut: int,
) -> None:
    """Whatever is written, in however many blocks, is read as the same text and the same float64."""
    path = tmp_path_factory.getbasetemp() / f"law.{form}"
    days = [date(1900, 3, 1) + timedelta(days=5_000 * at) for at in range(len(rows))]
    columns: dict[str, Any] = {
        "symbol": [row[0] for row in rows],
        "seen_on": [day if day.year < 9999 else None for day in days],
        "price": pl.Series([row[1] for row in rows]).to_numpy(),
        "value": pl.Series([math.nan if row[3] is None else row[3] for row in rows], dtype=pl.Float64).to_numpy(),
    }
    writer = TableWriter(path, form, "law", {}, len(rows))
    for begin in range(0, len(rows), cut):
        writer.write({name: values[begin : begin + cut] for name, values in columns.items()})
    writer.close(True)
    table, _ = open_table(path)
    frame = pl.concat(list(table.frames(table.names)))
    assert frame["0"].to_list() == columns["symbol"]
    text = frame["1"].to_list() if form == "csv" else frame["1"].cast(pl.Date, strict=False).to_list()
    assert [None if day is None else str(day) for day in text] == [
        None if day is None else str(day) for day in columns["seen_on"]
    ]
    for name, place in (("price", "2"), ("value", "3")):
        read = frame[place].cast(pl.Float64).fill_null(math.nan).to_list()
        assert all(
            one == other or (one != one and other != other) for one, other in zip(read, columns[name], strict=True)
        )


@pytest.mark.anyio
async def test_a_part_is_exported_by_code_and_day_in_order(database: Database, tmp_path: Path) -> None:
    source, path = tmp_path / "source.csv", tmp_path / "out.csv"
    source.write_text(
        "symbol,date,open,high,low,close,volume\n"
        + "".join(f"{code},2026-01-{day:02},1,1,1,1,1\n" for code in ("B", "A", "C") for day in (7, 5, 6))
    )
    await import_file(database, FileImport(source, "bars"))
    order = ExportOrder("bars", "main", codes_of(" b,A ,B"), date(2026, 1, 6), date(2026, 1, 7))
    await export_file(database, order, "csv", path)
    assert path.read_text().splitlines() == [
        "symbol,date,open,high,low,close,volume,value",
        *(f"{code},2026-01-0{day},1,1,1,1,1," for code in "AB" for day in (6, 7)),
    ]


@pytest.mark.anyio
async def test_blocks_make_no_difference(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.csv"
    source.write_text(FILES["bars"])
    await import_file(database, FileImport(source, "bars"))
    for form in FORMATS:
        texts = []
        for rows in (1, 250_000):
            monkeypatch.setattr(store_exports, "BLOCK_ROWS", rows)
            path = tmp_path / f"{rows}.{form}"
            await export_file(database, ExportOrder("bars", "main"), form, path)
            table, _ = open_table(path)
            texts.append(pl.concat(list(table.frames(table.names))).cast(pl.String).rows())
        assert [[_number(cell) for cell in row] for row in texts[0]] == [
            [_number(cell) for cell in row] for row in texts[1]
        ]


def _number(cell: str | None) -> str | float | None:
    try:
        return float(cell) if cell is not None else None
    except ValueError:
        return cell


@pytest.mark.anyio
async def test_a_simulated_market_says_so_in_the_file(database: Database, tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    source.write_text(FILES["shares"])
    await import_file(database, FileImport(source, "shares", "demo"))
    order = ExportOrder("shares", "demo")
    await export_file(database, order, "parquet", tmp_path / "out.parquet")
    said = pl.read_parquet_metadata(tmp_path / "out.parquet")
    assert (said["ralph:workspace"], said["ralph:simulated"], said["ralph:what"]) == ("demo", "true", "shares")
    await export_file(database, order, "xlsx", tmp_path / "out.xlsx")
    assert fastexcel.read_excel(tmp_path / "out.xlsx").sheet_names == ["shares"]


@pytest.mark.anyio
async def test_what_cannot_be_exported_is_named_and_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.xlsx"
    with pytest.raises(NotFound, match="no workspace 'x'"):
        await export_file(database, ExportOrder("bars", "x"), "csv", path)
    with pytest.raises(DataNotFound, match="no bars to export"):
        await export_file(database, ExportOrder("bars", "main"), "csv", path)
    source = tmp_path / "source.csv"
    source.write_text(FILES["bars"])
    await import_file(database, FileImport(source, "bars"))
    with pytest.raises(UnknownSymbol, match="no bars of 999999"):
        await export_file(database, ExportOrder("bars", "main", ("005930", "999999")), "csv", path)
    monkeypatch.setattr("ralph.brokers.files.workbook.SHEET_ROWS_MAX", 4)
    with pytest.raises(TooLarge, match="4 rows") as raised:
        await export_file(database, ExportOrder("bars", "main"), "xlsx", path)
    assert raised.value.field == "format"
    assert names_in(tmp_path) == ["source.csv"]


@pytest.mark.anyio
async def test_an_export_that_is_given_up_leaves_the_older_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = tmp_path / "source.csv", tmp_path / "out.parquet"
    source.write_text(FILES["bars"])
    path.write_text("older")
    await import_file(database, FileImport(source, "bars"))

    async def give_up(work: Any, *arguments: Any) -> Any:
        if getattr(work, "__name__", "") == "write":
            raise asyncio.CancelledError
        return work(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", give_up)
    with pytest.raises(asyncio.CancelledError):
        await export_file(database, ExportOrder("bars", "main"), "parquet", path)
    monkeypatch.undo()
    assert path.read_text() == "older"
    assert names_in(tmp_path) == ["out.parquet", "source.csv"]


def test_wrong_orders_are_refused_by_field() -> None:
    with pytest.raises(BadParameter, match="lies after") as raised:
        ExportOrder("bars", "main", (), date(2026, 1, 2), date(2026, 1, 1))
    assert raised.value.field == "from"
    with pytest.raises(BadParameter, match="leave out from and to"):
        ExportOrder("symbols", "main", (), date(2026, 1, 2))
    with pytest.raises(BadParameter, match="is no code"):
        codes_of("005930,삼성")
    check_rows(SHEET_ROWS_MAX - 1)
    with pytest.raises(TooLarge, match="1,048,576"):
        check_rows(SHEET_ROWS_MAX)


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("a.txt", "x")
    with pytest.raises(BadFile, match="no XLSX workbook"):
        open_table(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:30])
    with pytest.raises(BadFile, match="damaged"):
        open_table(path)
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("xl/workbook.xml", "<not a workbook")
    with pytest.raises(BadFile, match="cannot be read"):
        open_table(path)
