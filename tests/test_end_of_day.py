"""The end of a Session: what is delivered becomes signals; stopped after any step it ends alike; the gate holds it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from ralph.config import Config
from ralph.errors import BadParameter, Incomplete, NotReady
from ralph.jobs import inbox
from ralph.jobs.demo import DEMO, NAME, beside_bars, simulated_actions
from ralph.jobs.end_of_day import END_OF_DAY, STEPS, DayReport, EndOfDayArgs
from ralph.jobs.kind import JobContext, enqueue
from ralph.market.calendar import PUBLISHED
from ralph.market.rules import simulated_bars
from ralph.simulator.market import SEED, simulate_market
from ralph.simulator.tables import SimulatedMarket
from ralph.store.action_files import write_actions
from ralph.store.database import Database
from ralph.store.dated import import_dated
from ralph.store.imports import lock_workspace
from ralph.store.ingest import import_bars
from ralph.store.leases import Claim, Lease, Settlement, claim, settle
from ralph.store.screens import make_screen
from ralph.store.symbols import ensure_symbols

pytestmark = pytest.mark.anyio

CODES = tuple(f"0059{code}0" for code in range(30, 40))
SESSIONS = PUBLISHED.sessions_ending(PUBLISHED.last_completed_session(datetime.now(UTC)), 30)
ON = SESSIONS[-1]
HEAD = "symbol,date,open,high,low,close,volume\n"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
_VARYING = ("_at", "_ms", "run_id", "data_version", "since")
_OWN = ("jobs", "schema_migrations", "schedules", "schedule_ticks")


class Killed(BaseException):
    """The end of a process, as far as a coroutine can tell."""


def bars(days: list[date], codes: tuple[str, ...] = CODES) -> str:
    rows = [
        f"{code},{day},{100 + at},{103 + at},{99 + at},{101 + at},{1000 + place}\n"
        for place, code in enumerate(codes)
        for at, day in enumerate(SESSIONS)
        if day in days
    ]
    return HEAD + "".join(rows)


def deliver(home: Path, folder: str, name: str, text: str) -> None:
    place = home / "inbox" / "daily" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose deliveries need not rest."""
    monkeypatch.setattr(inbox, "STILL_S", 0.0)
    return tmp_path


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database()
    await opened.connect(database_url)
    yield opened
    await opened.close()


async def take(database: Database, args: EndOfDayArgs) -> Lease:
    """A job, asked for and taken."""
    async with database.acquire() as connection:
        await enqueue(connection, END_OF_DAY, args)
        (lease,) = await claim(connection, Claim("long", [END_OF_DAY.name], "test", 600, 1))
    return lease


async def take_again(database: Database, lease: Lease) -> Lease:
    """The same job in another attempt, as after the death of its worker."""
    async with database.acquire() as connection:
        await settle(connection, [Settlement(lease.id, lease.attempt, "queued", is_handover=True)])
        (again,) = await claim(connection, Claim("long", [END_OF_DAY.name], "test", 600, 1))
    return again


@dataclass(frozen=True)
class Mortal(JobContext):
    """A job whose process ends as a step begins, or with its work done and not yet recorded."""

    dies_at: str = ""
    dies_recording: bool = False

    @asynccontextmanager
    async def effect(self, checkpoint: object) -> AsyncIterator[asyncpg.Connection]:
        steps = [] if checkpoint is None else msgspec.to_builtins(checkpoint)["steps"]
        if self.dies_recording and steps and steps[-1]["name"] == self.dies_at:
            raise Killed
        async with super().effect(checkpoint) as connection:
            yield connection


def silent(phase: str, done: int, total: int) -> None:
    """Nobody watches."""


async def work(
    database: Database, home: Path, lease: Lease, progress: Callable[[str, int, int], None] = silent, **fate: Any
) -> DayReport:
    context = Mortal(lease, Config(home=home), database, progress, **fate)
    done = await END_OF_DAY.run(context, END_OF_DAY.parse(lease.args))
    assert isinstance(done, DayReport)
    return done


async def everything(database: Database) -> dict[str, list[str]]:
    """All tables as sorted rows, without what differs from run to run: moments, and numbers given in passing."""
    found = {}
    async with database.acquire() as connection:
        for (table,) in await connection.fetch(_TABLES):
            if table not in _OWN:
                rows = [dict(row) for row in await connection.fetch(f'SELECT * FROM "{table}"')]
                for row in rows:
                    for name in [name for name in row if name == "id" or name.endswith(_VARYING)]:
                        del row[name]
                found[table] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    return found


async def prepare(database: Database, home: Path) -> None:
    """A history, one more Session delivered, and a screen with a schedule."""
    deliver(home, "symbols", "names.csv", "symbol,name,market\n" + "".join(f"{c},n{c},KOSPI\n" for c in CODES))
    deliver(home, "bars", "history.csv", bars(SESSIONS[:-1]))
    deliver(home, "bars-raw", "today.csv", bars([ON]))
    async with database.acquire() as connection:
        rising = {"name": "rising", "expression": "close > close[1]", "schedule": "5 minutes after the close"}
        await make_screen(connection, "main", rising)
        await make_screen(connection, "main", {"name": "by hand", "expression": "close > 1"})


async def test_a_delivered_session_becomes_signals_and_hits(database: Database, home: Path) -> None:
    await prepare(database, home)
    report = await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    assert [step.name for step in report.steps] == [name for name, _ in STEPS]
    assert (report.workspace, report.simulated, report.on, report.ended) == ("main", False, ON, None)
    about = {step.name: msgspec.to_builtins(step.about) for step in report.steps}
    assert [each["file"] for each in about["bars"]["files"]] == [
        "symbols/names.csv",
        "bars/history.csv",
        "bars-raw/today.csv",
    ]
    assert about["quality"]["coverage"]["ratio"] == 1
    assert about["panel"] == {"data_version": about["panel"]["data_version"], "sessions": 30, "symbols": 10}
    assert "vcp" in about["scans"]
    assert about["signals"]["sessions"] == 1
    (screen,) = about["screens"]
    assert (screen["name"], screen["matches"], screen["written"]) == ("rising", 10, True)
    waiting = inbox.deliveries(home).waiting()
    assert waiting == []
    assert (home / "inbox/daily/bars/done/history.csv").is_file()
    # The same Session again: nothing new is stored.
    before = await everything(database)
    again = await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    assert again.ended is None
    after = await everything(database)
    assert {**after, "quality_runs": []} == {**before, "quality_runs": []}
    late = await work(database, home, await take(database, EndOfDayArgs("main", ON, corrections=True)))
    assert (late.ended, late.steps) == ("no file came late", [])


@pytest.mark.parametrize("dies_recording", [False, True])
async def test_a_chain_stopped_at_each_step_ends_like_a_clean_one(
    database: Database, home: Path, dies_recording: bool
) -> None:
    """One job that loses its worker as often as it has steps, beside one that runs through. A quality run that was not
    recorded as a step is made again, and stands beside the other."""
    clean = home / "clean"
    await prepare(database, clean)
    await work(database, clean, await take(database, EndOfDayArgs("main", ON)))
    expected = await everything(database)
    await forget(database, expected)
    await prepare(database, home)
    lease = await take(database, EndOfDayArgs("main", ON))
    for name, _ in STEPS:

        def die(phase: str, done: int, total: int, name: str = name) -> None:
            if phase == name and not dies_recording:
                raise Killed

        with pytest.raises(Killed):
            await work(database, home, lease, die, dies_at=name, dies_recording=dies_recording)
        lease = await take_again(database, lease)
    report = await work(database, home, lease)
    assert [step.name for step in report.steps] == [name for name, _ in STEPS]
    found = await everything(database)
    if dies_recording:
        for table in ("quality_runs", "quality_findings"):
            found[table] = expected[table]
    assert {name: found[name] for name in expected} == expected


async def forget(database: Database, tables: Iterable[str]) -> None:
    """Empty what a chain fills."""
    async with database.acquire() as connection:
        names = ", ".join(f'"{table}"' for table in tables if table not in ("workspaces", "sources", "bar_storage"))
        await connection.execute(f"TRUNCATE {names}, jobs RESTART IDENTITY CASCADE")
        await connection.execute("UPDATE workspaces SET data_version = 0, beside_version = 0")


async def store(database: Database, market: SimulatedMarket) -> None:
    """A simulated market as `ralph up` stores it."""
    async with database.acquire() as connection:
        async with connection.transaction():
            place = await lock_workspace(connection, DEMO)
            await ensure_symbols(connection, place.id, market.listings)
            await write_actions(connection, place, simulated_actions(market.truth), "simulator")
        for file in beside_bars(market):
            await import_dated(connection, DEMO, file)
        await import_bars(connection, DEMO, simulated_bars(market.bars_raw, NAME), adjusted=False)


_DATA = ("symbols", "bars_daily", "corporate_actions", "flows_daily", "index_bars", "market_flows_daily")


async def test_the_simulated_market_goes_on_where_it_was(database: Database, home: Path) -> None:
    """Two Sessions later: the same bars, flows, indices and actions as of a market that was made up to there."""
    await store(database, simulate_market(SEED, ON, 30))
    expected = await everything(database)
    await forget(database, expected)
    await store(database, simulate_market(SEED, SESSIONS[-3], 28))
    report = await work(database, home, await take(database, EndOfDayArgs(DEMO, ON)))
    assert (report.simulated, report.ended) == (True, None)
    assert msgspec.to_builtins(report.steps[0].about)["sessions"] == 2
    found = await everything(database)
    assert {name for name in _DATA if name in found} == set(_DATA)
    for name in _DATA:
        assert found[name] == expected[name], name


async def test_below_the_coverage_it_stops_and_says_so(database: Database, home: Path) -> None:
    """Four of ten Symbols came: nothing is made of them; with the rest the same job goes through."""
    deliver(home, "bars", "history.csv", bars(SESSIONS[:-1]))
    deliver(home, "bars", "today.csv", bars([ON], CODES[:4]))
    lease = await take(database, EndOfDayArgs("main", ON))
    with pytest.raises(Incomplete, match=f"4 of 10 Symbols of main have a bar of {ON}") as stopped:
        await work(database, home, lease)
    report = msgspec.to_builtins(stopped.value.report)
    assert [step["name"] for step in report["steps"]] == ["bars", "adjustment"]
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM signal_sessions") == 0
    deliver(home, "bars", "rest.csv", bars([ON], CODES[4:]))
    done = await work(database, home, await take_again(database, lease))
    assert done.ended is None


async def test_bars_that_did_not_come_are_waited_for(database: Database, home: Path) -> None:
    """With a watched folder; a history that nobody adds to is done as of its newest Session, nothing as nothing."""
    nothing = await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    assert (nothing.steps, nothing.ended) == ([], "nothing is delivered to this workspace, and it has no bars")
    deliver(home, "bars", "history.csv", bars(SESSIONS[:-1]))
    with pytest.raises(NotReady, match=f"no bars of {ON}"):
        await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    for path in (home / "inbox/daily").rglob("*.csv"):
        path.unlink()
    for folder in ("bars/done", "bars", ""):
        (home / "inbox/daily" / folder).rmdir()
    older = await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    assert older.on == SESSIONS[-2]
    assert older.ended is None


async def test_a_file_that_cannot_be_read_is_put_aside_and_told_of(database: Database, home: Path) -> None:
    deliver(home, "bars", "bad.csv", "\0\1\2")
    deliver(home, "bars", "good.csv", bars(SESSIONS))
    report = await work(database, home, await take(database, EndOfDayArgs("main", ON)))
    bad, good = report.steps[0].about["files"]
    assert bad.refused
    assert good.stored == 300
    assert (home / "inbox/daily/bars/refused/bad.csv").is_file()


@pytest.mark.parametrize("on", [date(2100, 1, 4), date(2026, 11, 15)])
async def test_a_day_that_is_no_session_or_not_over_is_refused(database: Database, home: Path, on: date) -> None:
    with pytest.raises(BadParameter, match="no Session that is over"):
        await work(database, home, await take(database, EndOfDayArgs("main", on)))
