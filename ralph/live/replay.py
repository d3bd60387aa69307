"""Plays a stored Session as if it were live: its recording, else along its minute bars, else through its daily bars."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Literal

import msgspec

from ralph.config import CostRules
from ralph.live.days import stored_day
from ralph.live.feed import Feed, PlayedDay, Recorded
from ralph.live.watching import ScreenWatch, Wanted
from ralph.market.calendar import Calendar
from ralph.market.cut import before
from ralph.market.panel import Panel
from ralph.signals.signal import Signal
from ralph.simulator.live import DayHours
from ralph.store.database import Database
from ralph.store.recordings import find_recording, load_batches, load_open_signals
from ralph.store.session_minutes import load_session_minutes
from ralph.store.usual_volume import hours_before, load_usual_volume
from ralph.tape.events import BarsClosed, Event
from ralph.tape.tape import Tape
from ralph.tape.triggers import Triggers

BEFORE_NS, AFTER_NS = 3_600_000_000_000, 3_600_000_000_000  # around the hours, in which a recording may have something

Source = Literal["recording", "minutes", "daily"]


class Replayed(msgspec.Struct, frozen=True):
    """What came of a replay. source: what was played; events: how many of each kind were told."""

    workspace: str
    simulated: bool
    session: date
    source: Source
    symbols: int
    ticks: int
    bars: int
    events: dict[str, int]


@dataclass(frozen=True, eq=False)
class Archive:
    """What a replay works with."""

    database: Database
    panel: Panel
    calendar: Calendar
    wanted: Wanted
    kernels: Executor
    costs: CostRules


async def replay(archive: Archive, on: date, speed: float, tell: Callable[[Event], None]) -> Replayed:
    """Play a Session, `speed` times as fast as the clock, and tell what happens in it.

    BadParameter where the day is no Session, DataNotFound where the Panel has nothing of it.
    """
    panel, hours = archive.panel, DayHours.of(archive.calendar, on)
    span = hours.opens_at - BEFORE_NS, hours.closes_at + AFTER_NS
    batches, signals = [], "[]"
    async with archive.database.acquire() as connection:
        minutes = await load_session_minutes(connection, panel.workspace, (hours.opens_at, hours.closes_at))
        playable = await asyncio.to_thread(stored_day, panel, on, archive.calendar, minutes)
        stored = await find_recording(connection, panel.workspace, on)
        if stored is not None and stored.is_whole:
            batches = await load_batches(connection, panel.workspace, stored, span, playable.frame.universe)
            signals = await load_open_signals(connection, stored)
        earlier = hours_before(archive.calendar, panel.sessions.astype(object).tolist(), on)
        usual_volume = await load_usual_volume(connection, panel.workspace, earlier, playable.frame.universe)
    feed: Feed = PlayedDay(playable.day, speed)
    source: Source = "daily" if minutes is None else "minutes"
    if batches:
        feed, source = Recorded(batches, hours.closes_at, speed), "recording"
    tape = Tape(playable.frame, usual_volume)
    opened = await asyncio.to_thread(msgspec.json.decode, signals, type=list[Signal])
    tape.triggers = Triggers(opened, tape.board, playable.last_close, archive.costs)
    counted: Counter[str] = Counter()
    bars = 0

    def told(event: Event) -> None:
        counted[type(event).__name__] += 1
        tell(event)

    older = await asyncio.to_thread(before, panel, on)
    watch = ScreenWatch(older, tape, archive.wanted, archive.kernels, lambda seconds: None)
    try:
        watch.begin()
        await watch.ready()  # a replay says the same each time, from the first minute on
        async for batch in feed.batches():
            events = tape.advance(batch)
            for event in events:
                told(event)
            closed = [event.bars for event in events if isinstance(event, BarsClosed)]
            bars += sum(len(each) for each in closed)
            if closed:
                await watch.closed(tape, told)
        await watch.done()
    finally:
        watch.leave()
    return Replayed(
        workspace=panel.workspace,
        simulated=panel.simulated,
        session=on,
        source=source,
        symbols=len(playable.frame.universe),
        ticks=tape.ticks,
        bars=bars,
        events=dict(sorted(counted.items())),
    )
