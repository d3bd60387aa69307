"""Signals made and kept: day by day or all at once, stopped in the middle, twice, by hand; and what they earned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from panel_bars import store_bars

from ralph.config import SignalsConfig
from ralph.errors import BadParameter, NotFound
from ralph.jobs.screening import Screening
from ralph.jobs.signalling import Signalling
from ralph.market.panel import Panel
from ralph.signals.signal import Signal
from ralph.simulator.market import simulate
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.store.screens import make_screen
from ralph.store.signals import Asked, find_signal, signals_page

LAST = date(2026, 5, 29)
SESSIONS, COMPANIES = 90, 60
FIRST = 70  # the Session at which histories begin here


class Bench:
    """A workspace with bars, and what makes Signals of it."""

    def __init__(self, database: Database, markets: Markets, signalling: Signalling) -> None:
        self.database = database
        self.markets = markets
        self.signalling = signalling

    @property
    def panel(self) -> Panel:
        return self.markets.panel("main")

    def day(self, index: int) -> date:
        found: date = self.panel.sessions[index].astype(object)
        return found

    async def all(self, **asked: Any) -> list[Signal]:
        async with self.database.acquire() as connection:
            return (await signals_page(connection, "main", Asked(**asked), 100_000))[0]

    async def rows(self) -> list[tuple[Any, ...]]:
        """Everything that is stored of them, but for when."""
        async with self.database.acquire() as connection:
            found = []
            for table, columns in (
                ("signals", "id, state, content::text"),
                ("signal_transitions", "signal_id, place, session_on, state, price, reason"),
                ("signal_sessions", "system, session_on, version"),
            ):
                rows = await connection.fetch(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")
                found += [tuple(row) for row in rows]
            return found


@asynccontextmanager
async def opened(database_url: str, folder: Path) -> AsyncIterator[Bench]:
    database = Database()
    await database.connect(database_url)
    try:
        async with database.acquire() as connection:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM bars_daily)"):
                await store_bars(connection, "main", simulate(7, LAST, SESSIONS, COMPANIES))
        markets = Markets(database, PanelStore(folder))
        await markets.refresh()
        with ThreadPoolExecutor(1) as kernels:
            screening = Screening(database, markets, kernels, observe=lambda seconds: None)
            yield Bench(database, markets, Signalling(database, markets, screening, kernels, SignalsConfig()))
    finally:
        await database.close()


def do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_backfill_makes_what_each_day_would_have_made(database_url: str, tmp_path: Path) -> None:
    """Ten Sessions one after the other, and the same ten at once: the same rows; and a day that was done stays so."""

    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            make = bench.signalling
            for index in range(FIRST, FIRST + 10):
                ran = await make.run("main", bench.day(index))
                assert ran.sessions == 1
            daily = await bench.rows()
            assert {row[3] for row in daily if len(row) == 6} >= {"armed", "triggered", "closed"}
            again = await make.run("main", bench.day(FIRST + 5))
            assert (again.sessions, again.armed) == (0, 0)
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 9)))
            assert await bench.rows() == daily
            with pytest.raises(BadParameter, match="--rebuild"):
                await make.backfill("main", (bench.day(FIRST - 1), bench.day(FIRST + 9)))
            async with bench.database.acquire() as connection:
                await connection.execute("TRUNCATE signals, signal_transitions, signal_sessions")
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 9)))
            assert await bench.rows() == daily

    do(work())


def test_a_run_that_is_stopped_goes_on_and_ends_with_the_same_rows(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between two transactions, with a hole of days after it: the next run plays what is missing."""

    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            make = bench.signalling
            span = (bench.day(FIRST), bench.day(FIRST + 11))
            await make.backfill("main", span)
            whole = await bench.rows()
            async with bench.database.acquire() as connection:
                await connection.execute("TRUNCATE signals, signal_transitions, signal_sessions")

            class Stopped(Exception):
                """As if the process had ended."""

            def stop(phase: str, done: int, total: int) -> None:
                if done == 11:
                    raise Stopped

            with pytest.raises(Stopped):
                await make.backfill("main", span, progress=stop)
            assert 0 < len(await bench.rows()) < len(whole)
            await make.run("main", span[1])
            assert await bench.rows() == whole
            await make.backfill("main", (bench.day(FIRST - 2), span[1]), rebuild=True)
            assert len(await bench.rows()) > len(whole)

    do(work())


def test_what_is_closed_by_hand_stays_closed(database_url: str, tmp_path: Path) -> None:
    """Even when the whole history is made anew."""

    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            make = bench.signalling
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 3)))
            waiting = (await bench.all(state="armed"))[0]
            held = await bench.all(state="triggered")
            for chosen in [waiting, *held[:1]]:
                ended = await make.close("main", chosen.id)
                assert (ended.is_open, ended.reason) == (False, "manual")
                with pytest.raises(BadParameter, match="only open ones"):
                    await make.close("main", chosen.id)
            with pytest.raises(NotFound):
                await make.close("main", "nothing")
            with pytest.raises(BadParameter, match="no price"):
                await make.close("main", (await bench.all(state="armed"))[0].id, -1.0)
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 6)))
            before = await bench.rows()
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 6)), rebuild=True)
            async with bench.database.acquire() as connection:
                await connection.execute("TRUNCATE signals, signal_transitions, signal_sessions")
            await make.backfill("main", (bench.day(FIRST), bench.day(FIRST + 6)))
            assert await bench.rows() == before

    do(work())


def test_a_saved_screen_is_a_system(database_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            async with bench.database.acquire() as connection:
                fields = {"name": "up", "expression": "close > close[1] * 1.03", "is_system": True}
                saved = await make_screen(connection, "main", fields)
            name = f"screen:{saved.id}"
            ran = await bench.signalling.backfill("main", (bench.day(FIRST), bench.day(FIRST + 3)), name)
            assert list(ran.systems) == [name]
            found = await bench.all(system=name)
            assert {each.system for each in found} == {name}
            assert all(each.plan.entry == "open" for each in found)
            with pytest.raises(NotFound, match="closing_bet"):
                await bench.signalling.run("main", None, "screen:999")

    do(work())


def _closings(signals: list[Signal]) -> list[date]:
    return [each.closed_on for each in signals if each.closed_on and each.outcome is not None and not each.is_flagged]


def test_performance_counts_what_is_stored(database_url: str, tmp_path: Path) -> None:
    """Against the same figures by hand; the percentile of a system among random entries is one of 0 to 100."""

    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            await bench.signalling.backfill("main", (bench.day(FIRST), bench.day(SESSIONS - 1)))
            every = await bench.all()
            report = await bench.signalling.performance("main", Asked(), "grade", 50, with_equity=True)
            again = await bench.signalling.performance("main", Asked(), "grade", 50, with_equity=True)
            assert report == again
            for system in {each.system for each in every}:
                own = [each for each in every if each.system == system]
                net = [each.outcome.net_ratio for each in own if each.outcome is not None and not each.is_flagged]
                found = report.groups[system]
                assert found.count == len(net)
                assert found.open == sum(each.is_open for each in own)
                if net:
                    assert found.mean_ratio == pytest.approx(sum(net) / len(net), abs=1e-12)
                    assert found.win_ratio == sum(ratio > 0 for ratio in net) / len(net)
                    assert found.chance is not None
                    assert 0 <= found.chance.percentile <= 100
                    last = report.equity[system][-1]
                    assert last.closed == len(net)
                    assert last.net_ratio == pytest.approx(sum(net), abs=1e-12)
                    assert last.chance_ratio == pytest.approx(len(net) * found.chance.mean_ratio, abs=1e-12)
                    assert [each.on for each in report.equity[system]] == sorted({*_closings(own)})
                parts = [part for name, part in report.groups.items() if name.startswith(f"{system}/")]
                assert sum(part.count for part in parts) == found.count

    do(work())


def test_every_stored_signal_is_told_the_same_by_page_and_by_id(database_url: str, tmp_path: Path) -> None:
    """In pages of seven all of them come once; each has its transitions, and no two are open for one Symbol."""

    async def work() -> None:
        async with opened(database_url, tmp_path) as bench:
            await bench.signalling.backfill("main", (bench.day(FIRST), bench.day(FIRST + 5)))
            paged: list[Signal] = []
            cursor = None
            async with bench.database.acquire() as connection:
                while True:
                    page, cursor = await signals_page(connection, "main", Asked(), 7, cursor)
                    paged += page
                    if cursor is None:
                        break
                assert paged == await bench.all()
                for each in paged[:50]:
                    found, steps = await find_signal(connection, "main", each.id)
                    assert found == each
                    assert steps[-1].state == each.state
                    assert steps[0].on == each.armed_on
                with pytest.raises(BadParameter):
                    await signals_page(connection, "main", Asked(), 7, "elsewhere")
            opened_ = [each.key for each in paged if each.is_open]
            assert len(opened_) == len(set(opened_))

    do(work())
