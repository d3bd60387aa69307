"""Storing the bars of files: one transaction, twice changes nothing, and flags do not depend on the order of files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from threading import Thread

import asyncpg
import numpy as np
import pytest
from msgspec import structs

from ralph.errors import BadRequest, DatabaseDown, NotFound, UnknownSymbol
from ralph.market.columns import BarColumns
from ralph.market.flags import Flag
from ralph.market.rules import FileBars, FileSymbols, Reject, flag_rows, simulated_bars
from ralph.market.symbol import Listing, Symbol
from ralph.store.imports import ImportReport, find_import, list_imports, load_rejects
from ralph.store.ingest import RAW_NOTE, import_bars
from ralph.store.master import import_symbols
from ralph.store.symbols import find_symbol, list_symbols

pytestmark = pytest.mark.anyio

FIRST = date(2025, 12, 29)
_VERSIONS = "SELECT xmin::text, bars_daily::text FROM bars_daily ORDER BY symbol_id, session_on"
Bar = tuple[str, int, float, float]  # code, days after FIRST, close, volume


def file_of(*bars: Bar, rejects: tuple[Reject, ...] = (), duplicates: int = 0, name: str | None = None) -> FileBars:
    """A file of bars whose open, high and low equal their close."""
    rows = sorted(bars)
    codes = sorted({row[0] for row in rows})
    close = np.array([row[2] for row in rows], dtype=np.float64)
    columns = BarColumns(
        listings=tuple(Listing(Symbol(code), name=name) for code in codes),
        symbol=np.array([codes.index(row[0]) for row in rows], dtype=np.int32),
        day=np.array([FIRST + timedelta(days=row[1]) for row in rows], dtype="datetime64[D]"),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=np.array([row[3] for row in rows], dtype=np.float64),
        value=np.full(len(rows), np.nan),
        flags=np.zeros(len(rows), dtype=np.uint8),
    )
    return FileBars(
        file_name="bars.csv",
        file_sha256="0" * 64,
        encoding="utf-8",
        mapping={"close": "종가"},
        rows_read=len(rows) + len(rejects) + duplicates,
        duplicates=duplicates,
        rejected=len(rejects),
        rejects=rejects,
        columns=columns,
        lines=np.arange(len(rows), dtype=np.int64) + 2,
    )


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database_url)
    yield opened
    opened.terminate()


async def stored(connection: asyncpg.Connection) -> list[tuple[str, int, float, int]]:
    """Code, days after FIRST, close, flags of every stored bar."""
    rows = await connection.fetch("SELECT * FROM bars_daily JOIN symbols ON id = symbol_id ORDER BY code, session_on")
    return [(row["code"], (row["session_on"] - FIRST).days, row["close"], row["flags"]) for row in rows]


async def marked(connection: asyncpg.Connection) -> list[tuple[int, int, str]]:
    """Days after FIRST, flag and detail of everything noticed."""
    rows = await connection.fetch("SELECT * FROM quality_flags ORDER BY symbol_id, session_on, flag")
    return [((row["session_on"] - FIRST).days, row["flag"], row["detail"]) for row in rows]


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.stored, report.updated, report.unchanged, report.flagged, report.rejected


async def test_a_file_is_stored_with_its_flags_and_reported(connection: asyncpg.Connection) -> None:
    reject = Reject(9, "close", "x", "not a number")
    bars = file_of(
        ("A", 0, 100, 5), ("A", 1, 200, 5), ("A", 7, 200, 0), ("B", 0, 7, 1), rejects=(reject,), duplicates=2
    )
    report = await import_bars(connection, "main", bars)
    assert counts(report) == (4, 0, 2, 2, 1)
    assert (report.symbols_added, report.data_version, report.workspace, report.simulated) == (2, "1", "main", False)
    assert report.flags == {"no_trade": 1, "inconsistent": 0, "jump": 1}
    assert await stored(connection) == [("A", 0, 100, 0), ("A", 1, 200, 4), ("A", 7, 200, 1), ("B", 0, 7, 0)]
    assert await marked(connection) == [(1, 4, "close 200 after 100 on 2025-12-29"), (7, 1, "no trade: volume 0")]
    [kept] = await list_imports(connection, "main")
    assert (counts(kept), kept.run_id, kept.columns) == (counts(report), report.run_id, {"close": "종가"})
    assert report.run_id is not None
    assert await load_rejects(connection, report.run_id) == [reject]
    assert await find_import(connection, "main", report.run_id) == kept


async def test_the_same_file_twice_changes_nothing(connection: asyncpg.Connection) -> None:
    bars = file_of(("A", 0, 100, 5), ("A", 1, 200, 5), ("A", 2, 200, 0), ("A", 3, 90, 1), ("B", 0, 7, 1))
    await import_bars(connection, "main", bars)
    before = await connection.fetch(_VERSIONS)
    report = await import_bars(connection, "main", bars)
    assert counts(report) == (0, 0, 5, 3, 0)
    assert (report.data_version, report.symbols_added) == ("1", 0)
    assert before == await connection.fetch(_VERSIONS)


async def test_changed_bars_are_updated_and_what_was_said_about_them_is_withdrawn(
    connection: asyncpg.Connection,
) -> None:
    await import_bars(connection, "main", file_of(("A", 0, 100, 5), ("A", 1, 200, 5), ("A", 2, 210, 5)))
    report = await import_bars(connection, "main", file_of(("A", 0, 190, 5), ("A", 1, 200, 5), ("A", 3, 215, 5)))
    assert counts(report) == (1, 1, 1, 0, 0)
    assert report.data_version == "2"
    assert await stored(connection) == [("A", 0, 190, 0), ("A", 1, 200, 0), ("A", 2, 210, 0), ("A", 3, 215, 0)]
    assert await marked(connection) == []


HISTORY: list[Bar] = [
    ("A", 0, 100, 5), ("A", 1, 150, 5), ("A", 2, 150, 0), ("A", 3, 160, 5), ("A", 5, 100, 5), ("A", 8, 101, 5),
    ("B", 0, 10, 1), ("B", 3, 20, 1), ("B", 4, 20, 1), ("B", 5, 50, 1),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
async def test_flags_do_not_depend_on_the_order_of_the_files(connection: asyncpg.Connection, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(HISTORY))
    for piece in np.array_split(shuffled, 4):
        await import_bars(connection, "main", file_of(*(HISTORY[at] for at in piece)))
    whole = file_of(*HISTORY)
    flags = flag_rows(whole.columns).tolist()
    assert [row[3] for row in await stored(connection)] == flags
    assert [flag for _, flag, _ in await marked(connection)] == [flag for flag in flags if flag]
    version = (await import_bars(connection, "main", whole)).data_version
    assert version == (await import_bars(connection, "main", whole)).data_version


async def test_an_older_bar_changes_the_flag_of_the_stored_one_after_it(connection: asyncpg.Connection) -> None:
    await import_bars(connection, "main", file_of(("A", 5, 200, 5)))
    report = await import_bars(connection, "main", file_of(("A", 1, 100, 5)))
    assert counts(report) == (1, 0, 0, 0, 0)
    assert await stored(connection) == [("A", 1, 100, 0), ("A", 5, 200, Flag.JUMP)]
    assert await marked(connection) == [(5, 4, "close 200 after 100 on 2025-12-30")]


async def test_a_dry_run_says_what_would_happen_and_stores_nothing(connection: asyncpg.Connection) -> None:
    await import_bars(connection, "main", file_of(("A", 0, 100, 5), ("A", 1, 101, 5)))
    bars = file_of(("A", 0, 90, 5), ("A", 1, 101, 5), ("C", 900, 5, 1))
    dry = await import_bars(connection, "main", bars, dry_run=True)
    assert (counts(dry), dry.dry_run, dry.run_id, dry.data_version) == ((1, 1, 1, 0, 0), True, None, "1")
    assert len(await list_imports(connection, "main")) == 1
    assert len(await stored(connection)) == 2
    assert await connection.fetchval("SELECT count(*) FROM symbols") == 1
    assert counts(await import_bars(connection, "main", bars)) == counts(dry)


async def test_bars_that_only_continue_are_stored_as_those_that_are_compared(connection: asyncpg.Connection) -> None:
    """What is said of them, too; "demo" has its newest bar first, so that the others are merged."""
    older, newer = file_of(*(bar for bar in HISTORY if bar[1] < 4)), file_of(*(bar for bar in HISTORY if bar[1] >= 4))
    dry = await import_bars(connection, "main", older, dry_run=True)
    assert await stored(connection) == []
    for bars, workspace in ((older, "main"), (newer, "main"), (newer, "demo"), (older, "demo")):
        report = await import_bars(connection, workspace, bars)
        assert workspace == "demo" or bars is newer or (counts(report), report.flags) == (counts(dry), dry.flags)
    both = await stored(connection), await marked(connection)
    assert len(both[0]) == 2 * len(HISTORY)
    assert all(each == sorted(each[::2] * 2) for each in (sorted(rows) for rows in both))


async def test_raw_prices_are_marked_and_it_is_said(connection: asyncpg.Connection) -> None:
    bars = file_of(("A", 0, 100, 5))
    report = await import_bars(connection, "main", bars, adjusted=False)
    assert RAW_NOTE in report.notes
    assert await connection.fetchval("SELECT adjusted FROM bars_daily") is False
    assert counts(await import_bars(connection, "main", bars)) == (0, 1, 0, 0, 0)


async def test_workspaces_do_not_mix(connection: asyncpg.Connection) -> None:
    bars = file_of(("A", 0, 100, 5))
    await import_bars(connection, "main", bars)
    report = await import_bars(connection, "demo", simulated_bars(bars.columns, "seed 1"))
    assert (counts(report), report.simulated, report.kind) == ((1, 0, 0, 0, 0), True, "simulated")
    assert len(await list_imports(connection, "demo")) == 1
    with pytest.raises(NotFound, match="there are: demo, main"):
        await import_bars(connection, "none", bars)


async def test_a_file_whose_rows_are_all_rejected_is_listed_and_changes_nothing(connection: asyncpg.Connection) -> None:
    rejects = tuple(Reject(line, "close", "x", "not a number") for line in range(2, 32))
    report = await import_bars(connection, "main", file_of(rejects=rejects))
    assert (counts(report), report.data_version, len(report.rejects)) == ((0, 0, 0, 0, 30), "0", 20)
    assert report.run_id is not None
    assert await load_rejects(connection, report.run_id, after_line=29, limit=5) == list(rejects[-2:])


async def lose(database_url: str, phase: str, lost: str, known: int) -> None:
    """Imports 3 bars, of which some are known, over a connection that is lost in a phase: by this process, or by the
    server."""
    victim = await asyncpg.connect(database_url)
    if known:
        await import_bars(victim, "main", file_of(*(("A", day, 99.0, 5.0) for day in range(known))))
    before = await stored(victim)
    bars = file_of(*(("A", day, 100.0, 5.0) for day in range(3)))
    kill = "SELECT pg_terminate_backend($1, 5000)"

    async def end_backend() -> None:
        other = await asyncpg.connect(database_url)
        await other.fetchval(kill, victim.get_server_pid())
        await other.close()

    def cut(reached: str, done: int, total: int) -> None:
        if reached == phase and lost == "client":
            victim.terminate()
        elif reached == phase and not victim.is_closed():
            thread = Thread(target=asyncio.run, args=(end_backend(),))
            thread.start()
            thread.join()

    with pytest.raises(DatabaseDown, match="whole or not at all"):
        await import_bars(victim, "main", bars, progress=cut)
    victim.terminate()
    opened = await asyncpg.connect(database_url)
    assert await stored(opened) == before
    assert len(await list_imports(opened, "main")) == bool(known)
    assert counts(await import_bars(opened, "main", bars)) == (3 - known, known, 0, 0, 0)
    await opened.close()


@pytest.mark.parametrize(
    ("phase", "known"), [("wait", 0), ("copy", 0), ("store", 0), ("copy", 1), ("compare", 1), ("store", 1)]
)
@pytest.mark.parametrize("lost", ["client", "server"])
def test_a_connection_lost_in_the_middle_leaves_nothing(database_url: str, phase: str, lost: str, known: int) -> None:
    """On a loop of its own: asyncpg leaves a future behind when a COPY loses its connection, which asyncio logs."""
    asyncio.run(lose(database_url, phase, lost, known))


async def test_imports_at_once_wait_for_each_other_and_nothing_is_doubled(database_url: str) -> None:
    connections = [await asyncpg.connect(database_url) for _ in range(3)]
    bars = file_of(*((code, day, 100.0, 5.0) for code in "ABC" for day in range(50)))
    reports = await asyncio.gather(*(import_bars(each, "main", bars) for each in connections))
    assert sorted(report.stored for report in reports) == [0, 0, 150]
    assert {report.data_version for report in reports} == {"1"}
    assert len(await stored(connections[0])) == 150
    for each in connections:
        await each.close()


async def test_listeners_hear_of_changes_only(connection: asyncpg.Connection, database_url: str) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(database_url)
    await listener.add_listener("ralph_bars", lambda *notice: heard.append(notice[-1]))
    for _ in range(2):
        await import_bars(connection, "main", file_of(("A", 0, 100, 5)))
        await listener.execute("SELECT 1")
    assert heard == ["main"]
    await listener.close()


async def test_what_a_file_of_bars_says_about_a_symbol_fills_gaps_only(connection: asyncpg.Connection) -> None:
    await import_bars(connection, "main", file_of(("A", 0, 100, 5)))
    report = await import_bars(connection, "main", file_of(("A", 0, 100, 5), name="가나"))
    assert (counts(report), report.data_version) == ((0, 0, 1, 0, 0), "2")
    await import_bars(connection, "main", file_of(("A", 0, 100, 5), name="다른"))
    assert (await find_symbol(connection, "main", "a")).name == "가나"


def symbols_of(*listings: Listing) -> FileSymbols:
    return FileSymbols(
        file_name="symbols.csv", file_sha256="", encoding="utf-8", rows_read=len(listings), listings=listings
    )


async def test_symbols_are_added_updated_and_left_alone(connection: asyncpg.Connection) -> None:
    old = (Listing(Symbol("A"), name="가", listed_on=FIRST), Listing(Symbol("B"), name="나_%", market="KOSPI"))
    first = await import_symbols(connection, "main", symbols_of(*old))
    assert (counts(first), first.data_version) == ((2, 0, 0, 0, 0), "1")
    new = (Listing(Symbol("A"), name="가가"), Listing(Symbol("B")), Listing(Symbol("C"), delisted_on=FIRST))
    dry = await import_symbols(connection, "main", symbols_of(*new), dry_run=True)
    second = await import_symbols(connection, "main", symbols_of(*new))
    assert counts(dry) == counts(second) == (1, 1, 1, 0, 0)
    third = await import_symbols(connection, "main", symbols_of(*new))
    assert (counts(third), third.data_version) == ((0, 0, 3, 0, 0), "2")
    renamed = await find_symbol(connection, "main", "A")
    assert [(past.field, past.value) for past in renamed.past] == [("name", "가")]
    assert structs.replace(renamed, past=()) == Listing(Symbol("A"), name="가가", listed_on=FIRST)
    assert await list_symbols(connection, "main") == [renamed, old[1], Listing(Symbol("C"), delisted_on=FIRST)]
    assert await list_symbols(connection, "main", search="_%") == [old[1]]
    assert await list_symbols(connection, "main", market="KOSPI") == [old[1]]
    assert [found.symbol for found in await list_symbols(connection, "main", after="A", limit=1)] == ["B"]


@pytest.mark.parametrize("code", ["Z", "", "no such code", "\0", "x" * 1000])
async def test_an_unknown_symbol_is_named(connection: asyncpg.Connection, code: str) -> None:
    with pytest.raises(UnknownSymbol, match="there is no symbol"):
        await find_symbol(connection, "main", code)


@pytest.mark.parametrize("run_id", ["x", "-1", "", "1", "9" * 30, "²"])
async def test_an_unknown_run_is_named(connection: asyncpg.Connection, run_id: str) -> None:
    with pytest.raises(BadRequest, match="no import"):
        await find_import(connection, "main", run_id)
