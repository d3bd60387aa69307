"""The live market of a process: it plays, records once, is taken up where it was, and says what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec.structs import replace
from test_recorder import Told, connected, run
from test_triggers import armed

from ralph.config import Config, LiveConfig
from ralph.errors import NotReady, UnknownSymbol
from ralph.live import running
from ralph.live.clock import STEP_S, SteadyClock
from ralph.live.days import stored_day
from ralph.live.metering import LiveMeter
from ralph.live.pages import BoardPage
from ralph.live.pump import Publisher
from ralph.live.replay import Archive, replay
from ralph.live.running import LiveMarket, Surroundings
from ralph.market.calendar import PUBLISHED
from ralph.market.panel import Panel
from ralph.market.rules import simulated_bars
from ralph.signals.history import Played
from ralph.simulator.market import simulate_market
from ralph.store.database import Database
from ralph.store.imports import lock_workspace
from ralph.store.ingest import import_bars
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.store.recordings import gaps
from ralph.store.signals import write_sessions
from ralph.store.symbols import ensure_symbols
from ralph.tape.tape import Tape
from ralph.tape.watched import WatchedScreen
from ralph.telemetry import Metrics

Result = TypeVar("Result")
LAST = date(2026, 11, 20)
FAST = 100_000.0


class Notes(dict[str, tuple[bool, str]]):
    """What health was told last, by part."""

    def __call__(self, name: str, *, ok: bool, detail: str) -> None:
        self[name] = (ok, detail)


class Hands:
    """A wall clock and a steady one, turned by hand."""

    def __init__(self) -> None:
        self.wall = self.steady = 1_000.0

    def pass_by(self, seconds: float) -> None:
        """Time goes by on both."""
        self.wall += seconds
        self.steady += seconds


async def nobody(panel: Panel) -> list[WatchedScreen]:
    """No screen is watched."""
    return []


class Scene:
    """A live market with all that it works with."""

    def __init__(self, database: Database, folder: Path, config: LiveConfig, markets: Markets) -> None:
        self.hands = Hands()
        self.notes = Notes()
        self.told = Told()
        self.database = database
        self.kernels = ThreadPoolExecutor(1)
        self.metrics = Metrics("test")
        self.markets = markets
        around = Surroundings(
            config=Config(home=folder, live=config),
            database=database,
            markets=markets,
            kernels=self.kernels,
            calendar=PUBLISHED,
            hub=self.told,
            wanted=nobody,
            meter=LiveMeter(self.metrics, self.notes, self.told),
            spool=folder / "spool",
            clock=SteadyClock(lambda: self.hands.wall, lambda: self.hands.steady),
        )
        self.market = LiveMarket(around)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Run until something holds."""
        playing = asyncio.create_task(self.market.run())
        try:
            for _ in range(10_000):
                if playing.done() or holds():
                    break
                await asyncio.sleep(0.02)
            assert holds()
        finally:
            playing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await playing


@asynccontextmanager
async def scene(url: str, folder: Path, **live: Any) -> AsyncIterator[Scene]:
    """A demo workspace with a small market, and its live market at full speed."""
    async with connected(url) as database:
        async with database.acquire() as connection:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM bars_daily)"):
                made = simulate_market(3, LAST, 30, 8)
                async with connection.transaction():
                    place = await lock_workspace(connection, "demo")
                    await ensure_symbols(connection, place.id, made.listings)
                await import_bars(connection, "demo", simulated_bars(made.bars_raw, "bars"), adjusted=False)
        markets = Markets(database, PanelStore(folder / "panel"))
        await markets.refresh()
        made_scene = Scene(database, folder, LiveConfig(**{"speed": FAST, **live}), markets)
        try:
            yield made_scene
        finally:
            made_scene.kernels.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and looks take no time here."""
    monkeypatch.setattr(running, "PAUSE_S", 0.2)
    monkeypatch.setattr(running, "LOOK_S", 0.02)
    monkeypatch.setattr("ralph.live.recorder.EVERY_S", 0.05)


async def value(database: Database, query: str) -> Any:
    async with database.acquire() as connection:
        return await connection.fetchval(query)


def test_a_session_is_played_recorded_once_and_taken_up(database_url: str, tmp_path: Path) -> None:
    """The board stands as the day ended. What was recorded to its end is not again; what was not is gone on with, and
    the same ticks are there; nothing is missing. A replay of the recording has them all."""

    async def work() -> None:
        async with scene(database_url, tmp_path) as one:
            with pytest.raises(NotReady):
                one.market.board()
            await arm_some(one)
            states: list[str] = []

            def two_laps() -> bool:
                now = one.market.state().state
                if not states or states[-1] != now:
                    states.append(now)
                return states.count("waiting") == 2

            await one.until(two_laps)
            page = msgspec.json.decode(one.market.board(), type=BoardPage)
            assert (page.workspace, page.simulated, page.session) == ("demo", True, LAST)
            state = one.market.state()
            assert (state.session, state.late, state.duplicates) == (LAST, 0, 0)
            quote = one.market.quote(page.quotes[0].symbol).quote
            assert quote == page.quotes[0]
            with pytest.raises(UnknownSymbol):
                one.market.quote("ZZZ")
            assert one.notes["recorder"][0]
            assert await value(one.database, "SELECT count(*) FROM feed_runs WHERE is_whole") == 1
            ticks = await value(one.database, "SELECT count(*) FROM ticks")
            assert ticks == await value(one.database, "SELECT ticks FROM feed_runs")
        async with scene(database_url, tmp_path) as two:
            middle = "(SELECT min(batch_at) + (max(batch_at) - min(batch_at)) / 2 FROM ticks)"
            at = await value(two.database, f"SELECT max(batch_at) FROM ticks WHERE batch_at < {middle}")
            async with two.database.acquire() as connection:
                await connection.execute("DELETE FROM ticks WHERE batch_at > $1", at)
                await connection.execute("DELETE FROM feed_marks WHERE batch_at > $1", at)
                await connection.execute("DELETE FROM live_transitions WHERE at > $1", at)
                await connection.execute("UPDATE feed_runs SET recorded_at = $1, ended_at = NULL, is_whole = false", at)
            await two.until(lambda: one_lap(two))
            assert await value(two.database, "SELECT count(*) FROM feed_runs") == 1
            assert await value(two.database, "SELECT count(*) FROM ticks") == ticks
            async with two.database.acquire() as connection:
                assert await gaps(connection, "demo") == []
            panel = two.markets.panel("demo")
            archive = Archive(two.database, panel, PUBLISHED, nobody, two.kernels, Config(home=tmp_path).signals.costs)
            again = Told()
            tape = Tape(stored_day(panel, LAST, PUBLISHED).frame)
            told = Publisher(again, tape, "again").publish
            found = await replay(archive, LAST, FAST, told)
            assert (found.source, found.ticks) == ("recording", ticks)
            assert found.events["SignalMoved"] > 0
            assert said(again) == said(one.told)[: len(said(again))]
            assert found.bars == await value(two.database, "SELECT count(*) FROM bars_minute")
            earlier = await replay(archive, panel.sessions[-2].astype(object), FAST, lambda event: None)
            assert earlier.source == "daily"

    run(work())


async def arm_some(scene: Scene) -> None:
    """Signals that wait for prices a little above the last close."""
    panel = scene.markets.panel()
    before = panel.as_of(panel.sessions[-2].astype(object))
    close = before.newest("close", 1)[0].tolist()
    signals = [
        replace(armed(entry=close[column] * 1.002, stop=close[column] * 0.9), id=code, symbol=code, armed_on=before.on)
        for column, code in enumerate(panel.symbols[:8])
        if before.traded[column]
    ]
    async with scene.database.acquire() as connection:
        await write_sessions(connection, "demo", [[Played(before.on, "vcp", "1", tuple(signals), ())]], "1")


def said(hub: Told) -> list[bytes]:
    """Frames of a Session from its first closed bar on, but for running bars, which are for who asks, and how the
    system does; keys of announcements name the run, frames do not."""
    frames = [frame.split(b" ", 2) for frame in hub.frames if not frame.startswith(b"system ")]
    kept = [(topic, text) for topic, _, text in frames if not (topic.startswith(b"bar:") and b'"partial":true' in text)]
    begin = next(place for place, (topic, _) in enumerate(kept) if topic.startswith(b"bar:"))
    return [topic + text for topic, text in kept[begin:]]


def one_lap(scene: Scene) -> bool:
    """Whether a Session has ended."""
    return scene.market.state().state == "waiting"


def test_what_is_wrong_is_said_and_it_goes_on(database_url: str, tmp_path: Path) -> None:
    """A silent feed, a clock that was set, and a database that is away: health names each, and the board stays."""

    async def work() -> None:
        async with scene(database_url, tmp_path, speed=0.1, silent_s=60.0) as one:
            await one.until(lambda: one.market.state().ticks > 0)
            playing = asyncio.create_task(one.market.run())
            try:
                await until(lambda: one.market.state().state == "playing")
                assert one.notes["feed"][0]

                def is_silent() -> bool:
                    one.hands.pass_by(61)  # again and again: a print may have come just now
                    return not one.notes["feed"][0]

                await until(is_silent)
                assert "no print for" in one.notes["feed"][1]
                one.hands.wall += 5
                await until(lambda: "clock was set by +5.0 s" in one.notes["feed"][1])
                await one.database.close()
                await until(lambda: not one.notes["recorder"][0])
                assert "no database" in one.notes["recorder"][1]
                assert one.market.board()
                assert not playing.done()
                await one.database.connect(database_url)
                await until(lambda: one.notes["recorder"][0])
            finally:
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing

    run(work())


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


def test_a_market_that_is_turned_off_says_so(database_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with scene(database_url, tmp_path, enabled=False) as one:
            await one.until(lambda: "feed" in one.notes)
            assert one.market.state().state == "off"
            assert "live.enabled" in one.notes["feed"][1]

    run(work())


def test_a_clock_knows_when_it_was_set() -> None:
    """Not by small drifts; once the new time is trusted, it is right."""
    hands = Hands()
    clock = SteadyClock(lambda: hands.wall, lambda: hands.steady)
    hands.pass_by(1_000)
    hands.wall += STEP_S / 2
    assert clock.stepped_s() == 0.0
    hands.wall -= 2 * STEP_S
    assert clock.stepped_s() == pytest.approx(-1.5 * STEP_S)
    clock.trust()
    assert clock.stepped_s() == 0.0
    assert clock.seconds() == hands.steady
