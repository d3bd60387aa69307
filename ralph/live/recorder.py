"""Records what a feed brings: once a second a piece goes to the database, or to disk while there is none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import msgspec
import numpy as np

from ralph.errors import Unavailable
from ralph.live.spool import Spool
from ralph.market.recording import Chunk, Mark, MinuteRows, Run, Step
from ralph.market.tick import INDEX_NAMES, Batch, IndexTicks, Ticks
from ralph.signals.signal import Signal
from ralph.store.database import Database
from ralph.store.recordings import Unfinished, close_abandoned, write_chunk
from ralph.tape.events import BarsClosed, Event, SignalMoved
from ralph.tape.minutes import ClosedBars

_log = logging.getLogger("ralph.recorder")

EVERY_S = 1.0
BUFFER_TICKS_MAX = 1_000_000  # between two pieces: a hundred seconds of a busy market; more is lost, counted and told
RETRY_S = 1.0


class RecorderState(msgspec.Struct, frozen=True):
    """How the recorder does. written: ticks stored or safe on disk; spooled: pieces on disk, of so many bytes."""

    ok: bool
    detail: str
    buffered: int
    written: int
    spooled: int
    spooled_bytes: int
    lost: int


class Recorder:
    """One recording after the other. `record` and `note` never wait; `run` does, for ever."""

    def __init__(
        self, database: Database, spool: Spool, on_state: Callable[[RecorderState], None], every_s: float = EVERY_S
    ) -> None:
        self._database = database
        self._spool = spool
        self._on_state = on_state
        self._every_s = every_s
        self._run: Run | None = None
        self._number = 0
        self._steps = 0
        self._signals = b""
        self._now = 0  # the clock of the newest batch
        self._known_until = 0  # the feed's clock up to which a recording that is taken up is stored
        self._waiting: list[Batch] = []
        self._buffered = 0
        self._bars: list[ClosedBars] = []
        self._moved: list[Step] = []
        self._marks: list[Mark] = []
        self._lost = self._lost_ever = 0
        self._written = 0
        self._away: str | None = None
        self._pieces: list[Chunk] = []

    def begin(
        self, workspace: str, on: date, source: str, universe: Sequence[str], taken_up: Unfinished | None = None
    ) -> str:
        """A new recording, or one that is taken up from a feed that sends all of it again; its token."""
        token = secrets.token_hex(8) if taken_up is None else taken_up.token
        self._run = Run(token, workspace, on, source, tuple(universe))
        self._number, self._known_until = (0, 0) if taken_up is None else (taken_up.chunks, taken_up.recorded_at)
        self._steps = 0
        self._signals = b""
        return token

    def open_with(self, signals: Sequence[Signal]) -> None:
        """These were open when it began; one that is taken up knows already."""
        self._signals = msgspec.json.encode(signals)

    def record(self, batch: Batch) -> None:
        """Take a batch. Past BUFFER_TICKS_MAX its ticks are lost, and a gap says how many."""
        self._now = batch.now
        if self._run is None or batch.now <= self._known_until:
            return
        if self._buffered + len(batch.ticks) > BUFFER_TICKS_MAX:
            self._lost += len(batch.ticks)
            return
        self._waiting.append(batch)
        self._buffered += len(batch.ticks)
        place = {"index": 0, "notice": 0}
        rows = [("index", INDEX_NAMES[name], at, value) for name, at, value in _values(batch.indices)]
        universe = self._run.universe
        rows += [("notice", universe[symbol], at, float(what)) for symbol, at, what in _notices(batch)]
        for kind, what, at, value in rows:
            self._marks.append(Mark(batch.now, place[kind], kind, what, at, value))
            place[kind] += 1

    def note(self, event: Event) -> None:
        """Take what the tape made of the batch that was recorded last."""
        if self._run is None:
            return
        is_known = self._now <= self._known_until
        if isinstance(event, BarsClosed):
            if not is_known:
                self._bars.append(event.bars)
        elif isinstance(event, SignalMoved):
            at = int(event.at.timestamp()) * 1_000_000_000 + event.at.microsecond * 1_000
            for step in event.steps:
                self._steps += 1
                if is_known:
                    continue
                self._moved.append(Step(self._steps, step.signal_id, step.on, step.state, step.price, step.reason, at))

    def end(self, *, is_whole: bool) -> None:
        """The recording is over; is_whole: from the opening to the close."""
        if self._run is not None:
            self._cut(is_last=True, is_whole=is_whole)
            self._run = None

    def _cut(self, *, is_last: bool = False, is_whole: bool = False) -> None:
        """What has been taken becomes a piece."""
        run = self._run
        if run is None or not (self._waiting or self._bars or is_last):
            return
        batches = self._waiting
        sizes = [len(batch.ticks) for batch in batches]
        clocks = np.array([batch.now for batch in batches], dtype=np.int64)
        self._number += 1
        until = int(clocks[-1]) if clocks.size else max((bars.opened_at for bars in self._bars), default=0)
        self._pieces.append(
            Chunk(
                run,
                self._number,
                until,
                Ticks.joined([batch.ticks for batch in batches]),
                np.repeat(clocks, sizes),
                _bar_rows(self._bars),
                tuple(self._marks),
                tuple(self._moved),
                self._lost,
                is_last,
                is_whole and not self._lost_ever,
                self._signals if self._number == 1 else b"",
            )
        )
        self._lost_ever += self._lost
        self._waiting, self._bars, self._moved, self._marks = [], [], [], []
        self._buffered = self._lost = 0

    async def run(self) -> None:
        """Store a piece a second, for ever; told to stop, what is left is stored."""
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self._cut()
                await self._store()
        finally:
            self._cut()
            with contextlib.suppress(Unavailable):
                await asyncio.shield(self._store())

    async def _store(self) -> None:
        try:
            await self._catch_up()
            while self._pieces:
                await self._write(self._pieces[0])
                self._written += len(self._pieces.pop(0).ticks)
            self._away = None
        except Unavailable as error:
            if self._away is None:
                _log.warning("the recorder writes to disk: %s", error)
            self._away = str(error)
            while self._pieces:
                first = self._pieces[0]
                if not await asyncio.to_thread(self._spool.put, first):
                    break
                self._written += len(self._pieces.pop(0).ticks)
            for piece in self._pieces:
                self._lost += len(piece.ticks)
            self._pieces.clear()
        self._on_state(self.state())

    async def _catch_up(self) -> None:
        """What waits on disk goes first."""
        while (found := await asyncio.to_thread(self._spool.first)) is not None:
            path, chunk = found
            if chunk is not None:
                await self._write(chunk)
            else:
                _log.error("a piece of a recording on disk is damaged and left out", extra={"file": path.name})
            await asyncio.to_thread(self._spool.drop, path)

    async def _write(self, chunk: Chunk) -> None:
        async with self._database.acquire() as connection:
            await write_chunk(connection, chunk)

    async def close_abandoned(self, workspace: str, but: Sequence[str] = ()) -> int:
        """Note what earlier recordings lack that nobody ended, `but` some; what waits on disk is stored before. How
        many."""
        await self._catch_up()
        mine = [*but, *([self._run.token] if self._run is not None else [])]
        async with self._database.acquire() as connection:
            return await close_abandoned(connection, workspace, mine)

    @property
    def is_behind(self) -> bool:
        """Whether something that was taken is not in the database yet."""
        return bool(self._waiting or self._pieces or len(self._spool))

    def state(self) -> RecorderState:
        """How it does now."""
        spooled = len(self._spool)
        detail = "ticks are stored once a second"
        if self._away is not None:
            detail = f"no database ({self._away}): {spooled} pieces wait on disk"
        if self._lost_ever + self._lost:
            detail += f"; {self._lost_ever + self._lost:,} ticks are lost"
        return RecorderState(
            ok=self._away is None,
            detail=detail,
            buffered=self._buffered,
            written=self._written,
            spooled=spooled,
            spooled_bytes=self._spool.size,
            lost=self._lost_ever + self._lost,
        )


def _values(indices: IndexTicks) -> list[tuple[int, int, float]]:
    return list(zip(indices.name.tolist(), indices.at.tolist(), indices.value.tolist(), strict=True))


def _notices(batch: Batch) -> list[tuple[int, int, int]]:
    told = batch.notices
    return list(zip(told.symbol.tolist(), told.at.tolist(), told.trading.tolist(), strict=True))


def _bar_rows(closed: Sequence[ClosedBars]) -> MinuteRows:
    opened_at = [np.full(len(bars), bars.opened_at, dtype=np.int64) for bars in closed]

    def joined(name: str) -> Any:
        return np.concatenate([np.zeros(0, dtype=np.int64), *(getattr(bars, name) for bars in closed)])

    return MinuteRows(
        symbol=joined("symbol"),
        opened_at=np.concatenate([np.zeros(0, dtype=np.int64), *opened_at]),
        open=joined("open"),
        high=joined("high"),
        low=joined("low"),
        close=joined("close"),
        volume=joined("volume"),
        value=joined("value"),
    )
