"""Runs the live market of a workspace, Session after Session, and answers what it shows now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.config import Config
from ralph.errors import DataNotFound, NotReady, Unavailable, UnknownSymbol
from ralph.live.clock import SteadyClock
from ralph.live.days import Playable, next_of_demo, stored_day
from ralph.live.feed import Feed, PlayedDay
from ralph.live.hearsay import Hearsay, Newest
from ralph.live.pages import BoardPage, FeedState, QuotePage, State
from ralph.live.pump import Hub, Publisher, pump
from ralph.live.recorder import Recorder, RecorderState
from ralph.live.spool import Spool
from ralph.live.watching import ScreenWatch, Wanted
from ralph.market.calendar import Calendar
from ralph.market.cut import before
from ralph.market.panel import Panel
from ralph.market.symbol import parse_symbol
from ralph.market.tick import Batch
from ralph.signals import signal, systems
from ralph.signals.signal import Signal
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.recordings import Unfinished, find_recording, find_unfinished
from ralph.store.signals import Asked, signal_texts
from ralph.store.usual_volume import hours_before, load_usual_volume
from ralph.tape.events import Quoted, instant_of
from ralph.tape.frame import SessionFrame
from ralph.tape.tape import Tape
from ralph.tape.triggers import Triggers

_log = logging.getLogger("ralph.live")

PAUSE_S = 5.0  # between a Session and the next
RETRY_S = 1.0  # a feed that broke is not asked again sooner
LOOK_S = 1.0
SIMULATOR = "simulator"

_OPEN: tuple[signal.State, ...] = ("armed", "triggered")


class LiveHub(Hub, Newest, Protocol):
    """Takes what this process plays, and keeps what another does."""


class Meter(Protocol):
    """Who is told how the live market does, for metrics and health."""

    def advanced(self, batch: Batch, seconds: float) -> None: ...

    def watched(self, seconds: float) -> None: ...

    def recorded(self, state: RecorderState) -> None: ...

    def looked(self, state: FeedState, left_out: tuple[int, int], stepped_s: float) -> None: ...


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the live market works with."""

    config: Config
    database: Database
    markets: Markets
    kernels: Executor
    calendar: Calendar
    hub: LiveHub
    wanted: Wanted
    meter: Meter
    spool: Path
    clock: SteadyClock


@dataclass(eq=False)
class _Playing:
    """A Session on its way."""

    panel: Panel
    tape: Tape
    feed: Feed
    source: str


class LiveMarket:
    """The live market of one process. `run` plays it for ever; everything else only looks."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._live = around.config.live
        self._clock = around.clock
        self._playing: _Playing | None = None
        self._detail = "not started yet"
        self._state: State = "starting" if self._live.enabled else "off"
        self._last_at = self._clock.seconds()
        self._rate, self._counted = 0.0, (self._clock.seconds(), 0)
        self._ticks = 0
        self._board: tuple[tuple[int, int], bytes] | None = None
        self._leads = False
        self._hearsay = Hearsay(around.hub, around.markets, around.clock)
        self._recorder = Recorder(around.database, Spool(around.spool), around.meter.recorded)

    async def run(self) -> None:
        """Play for ever."""
        self._leads = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._recorder.run(), name="recorder")
                tasks.create_task(self._look_around(), name="feed health")
                if self._live.enabled:
                    tasks.create_task(self._play_on(), name="live market")
                else:
                    self._detail = "the live market is turned off: live.enabled"
        finally:
            self._leads = False

    async def _play_on(self) -> None:
        while True:
            try:
                await self._play_next()
            except Unavailable as error:
                self._detail = str(error)
                await asyncio.sleep(RETRY_S)

    async def _play_next(self) -> None:
        panel = self._around.markets.panel()
        if not panel.simulated or panel.sessions.size == 0:
            self._state, self._detail = "off", f"the workspace {panel.workspace} has no live source"
            await asyncio.sleep(PAUSE_S)
            return
        self._state, self._detail = "starting", "the exchange opens"
        playable = await asyncio.to_thread(next_of_demo, panel, self._around.calendar)
        if playable is None:  # not the market of our seed: its newest day again
            newest: date = panel.sessions[-1].astype(object)
            playable = await asyncio.to_thread(stored_day, panel, newest, self._around.calendar)
        while self._around.markets.panel() is panel:
            await self._play(panel, playable)
            await asyncio.sleep(PAUSE_S)

    async def _play(self, panel: Panel, playable: Playable) -> None:
        """A Session from its opening to its close."""
        around, frame = self._around, playable.frame
        self._clock.trust()  # that it was set is told until the next Session begins
        tape = Tape(frame, await self._usual_volume(panel, frame))
        signals = await self._open_signals(panel)
        tape.triggers = Triggers(signals, tape.board, playable.last_close, around.config.signals.costs)
        recorder = self._recorder if await self._is_to_record(panel.workspace, frame.on) else None
        token, known_until = f"{frame.on}-{time.time_ns():x}", 0
        if recorder is not None:
            taken_up = await self._take_up(panel.workspace, frame.on)
            known_until = 0 if taken_up is None else taken_up.recorded_at
            token = recorder.begin(panel.workspace, frame.on, SIMULATOR, frame.universe, taken_up)
            recorder.open_with(signals)
        feed = PlayedDay(playable.day, self._live.speed, known_until)
        older = await asyncio.to_thread(before, panel, frame.on)
        watch = ScreenWatch(older, tape, around.wanted, around.kernels, around.meter.watched)
        watch.begin()
        self._playing = _Playing(panel, tape, feed, SIMULATOR)
        self._state, self._last_at = "playing", self._clock.seconds()
        self._detail = f"the simulated Session of {frame.on} at {self._live.speed:g} times the clock"
        publisher = Publisher(around.hub, tape, token)
        everybody = np.arange(len(frame.universe))
        publisher.publish(Quoted(tape.board.quotes(everybody)))  # nobody's quote is left of an older Session
        is_whole = False
        try:
            await pump(feed, tape, publisher, recorder, watch, self)
            await watch.done()
            is_whole = True
        finally:
            self._state, self._detail = "waiting", "the Session is over; it begins again soon"
            watch.leave()
            if recorder is not None:
                recorder.end(is_whole=is_whole)

    async def _usual_volume(self, panel: Panel, frame: SessionFrame) -> NDArray[np.float64] | None:
        hours = hours_before(self._around.calendar, panel.sessions.astype(object).tolist(), frame.on)
        async with self._around.database.acquire() as connection:
            return await load_usual_volume(connection, panel.workspace, hours, frame.universe)

    async def _open_signals(self, panel: Panel) -> list[Signal]:
        names = {*systems.build(self._around.config.signals)}
        async with self._around.database.acquire() as connection:
            found = [
                text for state in _OPEN for text in await signal_texts(connection, panel.workspace, Asked(state=state))
            ]
        signals = await asyncio.to_thread(_decoded, found)
        return [each for each in signals if each.system in names or each.system.startswith(systems.SCREEN)]

    async def _take_up(self, workspace: str, on: date) -> Unfinished | None:
        """A run that its process did not end is gone on with, as the simulated exchange sends everything again; what
        other runs lack is noted."""
        async with self._around.database.acquire() as connection:
            found = await find_unfinished(connection, workspace, on)
        await self._recorder.close_abandoned(workspace, [] if found is None else [found.token])
        return found

    async def _is_to_record(self, workspace: str, on: date) -> bool:
        """A Session of the simulated market is the same each time: once recorded to its end, it is not again, and not
        while pieces of a recording still wait to be stored, which would be taken for missing."""
        if not self._live.record or self._recorder.is_behind:
            return False
        async with self._around.database.acquire() as connection:
            found = await find_recording(connection, workspace, on)
        return found is None or not found.is_whole

    def advanced(self, batch: Batch, seconds: float) -> None:
        """A batch is through."""
        if len(batch.ticks):
            self._last_at = self._clock.seconds()
            self._ticks += len(batch.ticks)
        self._around.meter.advanced(batch, seconds)

    async def _look_around(self) -> None:
        """Say how the feed does, once a second, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._clock.seconds()
            at, ticks = self._counted
            self._rate = (self._ticks - ticks) / max(now - at, 1e-9)
            self._counted = now, self._ticks
            playing = self._playing
            left_out = (0, 0) if playing is None else (playing.tape.duplicates, playing.tape.late)
            self._around.meter.looked(self._own_state(), left_out, self._clock.stepped_s())

    def state(self) -> FeedState:
        """How the feed does now, as the process says that plays it."""
        heard = None if self._leads else self._hearsay.feed()
        return self._own_state() if heard is None else heard

    def _own_state(self) -> FeedState:
        playing = self._playing
        quiet_s = self._clock.seconds() - self._last_at
        state, detail = self._state, self._detail
        if state == "playing" and quiet_s >= self._live.silent_s:
            state, detail = "silent", f"no print for {quiet_s:.0f} s: {detail}"
        panel = self._around.markets.panel() if playing is None else playing.panel
        return FeedState(
            workspace=panel.workspace,
            simulated=panel.simulated,
            state=state,
            detail=detail,
            source=None if playing is None else playing.source,
            session=None if playing is None else playing.tape.frame.on,
            speed=None if playing is None else self._live.speed,
            clock=None if playing is None or not playing.tape.board.now else instant_of(playing.tape.board.now),
            lag_ms=0.0 if playing is None else round(playing.feed.lag_s * 1e3, 1),
            ticks=self._ticks,
            ticks_per_s=round(self._rate, 1),
            duplicates=0 if playing is None else playing.tape.duplicates,
            late=0 if playing is None else playing.tape.late,
            recorder=self._recorder.state(),
        )

    def board(self) -> bytes:
        """The BoardPage as JSON, encoded once a change; NotReady before the first Session."""
        heard = None if self._leads else self._hearsay.board()
        if heard is not None:
            return heard
        playing = self._now_playing()
        tape = playing.tape
        version = (id(tape), tape.ticks)
        if self._board is None or self._board[0] != version:
            page = BoardPage(
                workspace=playing.panel.workspace,
                simulated=playing.panel.simulated,
                session=tape.frame.on,
                at=instant_of(max(tape.board.now, tape.frame.opens_at)),
                indices=list(tape.indices.values()),
                quotes=tape.board.quotes(np.arange(len(tape.frame.universe))),
            )
            self._board = version, msgspec.json.encode(page)
        return self._board[1]

    def quote(self, code: str) -> QuotePage:
        """The quote of a Symbol. UnknownSymbol where the Session has none by that code; NotReady."""
        heard = None if self._leads else self._hearsay.quote(code)
        if heard is not None:
            return heard
        playing = self._now_playing()
        tape = playing.tape
        symbol = parse_symbol(code)
        if symbol is None or symbol not in tape.frame.universe:
            raise UnknownSymbol(
                f"the Session of {tape.frame.on} has no symbol {code[:20]!r}", field="code", accepted="a listed code"
            )
        found = tape.board.quotes(np.array([tape.frame.universe.index(symbol)]))
        if not found:
            raise DataNotFound(f"{symbol} has neither traded nor a base price on {tape.frame.on}", field="code")
        return QuotePage(playing.panel.workspace, playing.panel.simulated, tape.frame.on, found[0])

    def _now_playing(self) -> _Playing:
        if self._playing is None:
            raise NotReady(f"there is no live market yet: {self._detail}; ask /api/v1/feed")
        return self._playing


def _decoded(texts: Sequence[str]) -> list[Signal]:
    return [msgspec.json.decode(text, type=Signal) for text in texts]
