"""The Symbol master in the database: imports keep history, searches find it, universes are those of the day."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from ralph.brokers.files import read_dated, read_symbols
from ralph.errors import BadParameter, DataNotFound
from ralph.market.columns import build_panel
from ralph.market.panel import Panel
from ralph.market.rules import simulated_bars
from ralph.market.symbol import Listing, Past, Symbol
from ralph.screens import Request, run
from ralph.simulator.market import simulate
from ralph.store.dated import import_dated
from ralph.store.imports import ImportReport
from ralph.store.ingest import import_bars
from ralph.store.master import import_symbols
from ralph.store.panels import PanelStore
from ralph.store.symbols import find_symbol, list_symbols

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 20)
OLD = """단축코드,한글종목명,영문종목명,시장구분,소속부,상장일
005930,삼성전자,SamsungElectronics,KOSPI,,1975-06-11
005935,삼성전자우,SamsungElectronics(1P),KOSPI,,1989-09-25
263810,상신전자,SANGSIN ELECOM,KOSDAQ,중견기업부,2017-10-16
000270,기아차,KIA MOTORS,KOSPI,,1973-07-21
"""
NEW = """단축코드,한글종목명,시장구분,소속부,상장폐지일
005930,삼성전자,KOSPI,,
263810,상신전자,KOSDAQ,관리종목(소속부없음),2026-03-02
000270,기아,KOSPI,,
"""


async def store(connection: asyncpg.Connection, folder: Path, text: str, as_of: date | None = None) -> ImportReport:
    path = folder / "symbols.csv"
    path.write_text(text)
    symbols = await asyncio.to_thread(read_symbols, path, today=TODAY)
    return await import_symbols(connection, "main", symbols, as_of=as_of)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.stored, report.updated, report.unchanged, report.rejected


async def test_a_later_list_closes_what_it_changes_and_twice_changes_nothing(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    assert counts(await store(connection, tmp_path, OLD, date(2020, 1, 2))) == (4, 0, 0, 0)
    for expected in ((0, 2, 1, 0), (0, 0, 3, 0)):
        assert counts(await store(connection, tmp_path, NEW, date(2026, 3, 20))) == expected
    kia = await find_symbol(connection, "main", "000270")
    assert (kia.name, kia.name_en, kia.kind) == ("기아", "KIA MOTORS", "common")
    assert kia.past == (Past("name", "기아차", date(2020, 1, 2), date(2026, 3, 19)),)
    gone = await find_symbol(connection, "main", "263810")
    assert (gone.state, gone.delisted_on) == ("administrative", date(2026, 3, 2))
    assert gone.past == (Past("state", "normal", date(2020, 1, 2), date(2026, 3, 1)),)


async def test_an_older_list_that_comes_later_finds_its_place(connection: asyncpg.Connection, tmp_path: Path) -> None:
    await store(connection, tmp_path, NEW, date(2026, 3, 20))
    await store(connection, tmp_path, OLD, date(2020, 1, 2))
    kia = await find_symbol(connection, "main", "000270")
    assert (kia.name, kia.past[0].value, kia.past[0].until) == ("기아", "기아차", date(2026, 3, 19))


async def test_one_file_may_tell_of_many_days(connection: asyncpg.Connection, tmp_path: Path) -> None:
    text = "code,date,name,market\n"
    text += "".join(f"000270,2024-01-{day:02d},{'기아' if day > 5 else '기아차'},KOSPI\n" for day in range(1, 11))
    assert counts(await store(connection, tmp_path, text)) == (1, 1, 8, 0)
    assert counts(await store(connection, tmp_path, text)) == (0, 0, 10, 0)
    kia = await find_symbol(connection, "main", "000270")
    assert kia.past == (Past("name", "기아차", date(2024, 1, 1), date(2024, 1, 5)),)


async def test_rows_that_cannot_be_are_rejected_with_the_reason(connection: asyncpg.Connection, tmp_path: Path) -> None:
    text = "code,date,name,listed_on,delisted_on\nA,2024-01-02,가,,\nA,2024-01-02,나,,\nB,2999-01-01,나,,\n"
    text += "C,,다,,\nD,2024-01-02,라,2024-01-02,2023-01-02\n"
    report = await store(connection, tmp_path, text)
    assert counts(report) == (1, 0, 0, 4)
    assert [(reject.line, reject.field, reject.reason) for reject in report.rejects] == [
        (3, "symbol", "a second row of this symbol, with other values"),
        (4, "date", "in the future"),
        (5, "date", "missing"),
        (6, "delisted_on", "before the day of listing"),
    ]


async def test_a_search_finds_codes_names_initials_english_and_old_names_best_first(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    await store(connection, tmp_path, OLD, date(2020, 1, 2))
    await store(connection, tmp_path, NEW, date(2026, 3, 20))
    expected = {
        "ㅅㅅㅈㅈ": ["005930", "263810", "005935"],
        "삼성전자": ["005930", "005935"],
        "삼성 전자": ["005930", "005935"],
        "005930": ["005930"],
        "0059": ["005930", "005935"],
        "전자": ["005930", "005935", "263810"],
        "samsung elec": ["005930", "005935"],
        "기아차": ["000270"],
        "ㄱㅇㅊ": ["000270"],
        "kia": ["000270"],
        "없는이름": [],
        "%": [],
        "\\": [],
    }
    for text, codes in expected.items():
        assert [found.symbol for found in await list_symbols(connection, "main", search=text)] == codes, text


async def test_pages_of_a_search_leave_no_gap(connection: asyncpg.Connection, tmp_path: Path) -> None:
    await store(connection, tmp_path, OLD, date(2020, 1, 2))
    whole = [found.symbol for found in await list_symbols(connection, "main", search="ㅅ")]
    paged: list[str] = []
    while page := await list_symbols(connection, "main", search="ㅅ", limit=1, after=paged[-1] if paged else None):
        paged += [found.symbol for found in page]
    assert paged == whole
    assert len(whole) == 3


async def test_names_known_before_the_migration_are_searched_too(empty_database_url: str, tmp_path: Path) -> None:
    """What SQL derives for stored names is what Python derives for new ones."""
    from ralph.market.names import choseong, plain
    from ralph.store.migrate import migrate, migrations_folder

    first = tmp_path / "0001_first.sql"
    first.write_text((migrations_folder() / first.name).read_text())
    connection = await asyncpg.connect(empty_database_url)
    await migrate(connection, tmp_path)
    names = ["삼성 전자", "SK하이닉스", "까치꽃", "힣가"]
    add = "INSERT INTO symbols (workspace_id, code, name) SELECT 1, $1, $2"
    await connection.executemany(add, [(str(index), name) for index, name in enumerate(names)])
    await migrate(connection)
    rows = await connection.fetch("SELECT plain, choseong FROM symbol_names ORDER BY symbol_id")
    assert [tuple(row) for row in rows] == [(plain(name), choseong(name)) for name in names]
    await connection.close()


def market() -> tuple[list[date], Panel]:
    bars = simulate(5, date(2026, 1, 9), 40, 12)
    days = [day.astype(object) for day in np.unique(bars.day)]
    codes = [listing.symbol for listing in bars.listings]
    listings = [Listing(code, market="KOSPI") for code in codes]
    moved = Past("market", "KOSDAQ", days[0], days[19])
    listings[0] = Listing(codes[0], market="KOSPI", past=(moved,))
    listings[1] = Listing(codes[1], market="KOSPI", listed_on=days[10], delisted_on=days[29])
    return days, build_panel(replace(bars, listings=tuple(listings)))


@pytest.mark.parametrize("number", [0, 9, 10, 19, 20, 29, 30, 39])
async def test_a_universe_is_that_of_the_day(number: int) -> None:
    """Before its listing and after its delisting a Symbol is absent, and a market is the one it was on that day."""
    days, panel = market()
    moved, brief = panel.symbols[:2]

    def scanned(universe: str | list[str] | None) -> int:
        return run(panel, Request(expression="close > 0", as_of=days[number], universe=universe)).total_scanned

    assert scanned([brief]) == int(10 <= number <= 29)
    assert scanned("kosdaq") == scanned([moved]) * int(number < 20)
    assert scanned("KOSPI") + scanned("KOSDAQ") == scanned(None)
    with pytest.raises(BadParameter, match="there is no market 'KONEX'; known: KOSDAQ, KOSPI"):
        scanned("KONEX")
    with pytest.raises(DataNotFound, match="no market cap is known"):
        scanned("top:3")


async def test_the_largest_are_those_of_the_day_and_caps_grow_with_the_price(
    connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """From the cap stored for the day, else from the newest one and the price since, else from shares and price."""
    bars = simulate(5, date(2026, 1, 9), 40, 6)
    await import_bars(connection, "main", simulated_bars(bars, "market"))
    days = [day.astype(object) for day in np.unique(bars.day)]
    codes = [listing.symbol for listing in bars.listings]
    text = "종목코드,일자,상장주식수,시가총액\n"
    text += f"{codes[0]},{days[5]},1000,\n{codes[1]},{days[5]},,900000000000000\n{codes[2]},{days[20]},5,77\n"
    (tmp_path / "shares.csv").write_text(text)
    shares = read_dated(tmp_path / "shares.csv", "shares", today=TODAY)
    report = await import_dated(connection, "main", shares)
    assert counts(report) == (3, 0, 0, 0)
    again = await import_dated(connection, "main", shares)
    assert (counts(again), again.data_version) == ((0, 0, 3, 0), report.data_version)
    panel = await PanelStore(tmp_path / "panel").load(connection, "main")
    closes = {name: panel.as_of(days[name]).field("close")[-1] for name in (5, 20, 30)}
    caps = panel.as_of(days[30]).market_caps
    assert caps[0] == 1000 * closes[30][0]
    assert caps[1] == pytest.approx(9e14 * closes[30][1] / closes[5][1])
    assert caps[2] == pytest.approx(77 * closes[30][2] / closes[20][2])
    assert np.isnan(caps[3:]).all()
    assert panel.as_of(days[20]).market_caps[2] == 77
    assert np.isnan(panel.as_of(days[4]).market_caps).all()
    top = run(panel, Request(expression="close > 0", as_of=days[30], universe="top:2"))
    assert top.total_scanned == 2
    assert {match.symbol for match in top.matches} <= {codes[0], codes[1]}


async def test_the_panel_in_the_cache_knows_the_history(connection: asyncpg.Connection, tmp_path: Path) -> None:
    bars = simulate(5, date(2026, 1, 9), 10, 3)
    await import_bars(connection, "main", simulated_bars(bars, "market"))
    code = bars.listings[0].symbol
    for name, as_of in (("옛 이름", date(2026, 1, 5)), ("새 이름", date(2026, 1, 8))):
        await store(connection, tmp_path, f"code,name,market\n{code},{name},KOSDAQ\n", as_of)
    for _ in range(2):
        panel = await PanelStore(tmp_path / "panel").load(connection, "main")
        listing = panel.listings[panel.columns[Symbol(code)]]
        assert listing.name == "새 이름"
        assert ("name", "옛 이름") in {(past.field, past.value) for past in listing.past}
